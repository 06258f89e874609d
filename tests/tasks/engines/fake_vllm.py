"""A small program in the place of vLLM's Python: it says what is installed, and serves, dying or hanging at will.

Beside it, in its folder: `installed.json` (package -> version), `faults.json` (start -> request -> fault), and what
it writes: `starts` (a line a start) and `asked.jsonl` (a line a request, of the completions' API and the others).
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(sys.argv[1])


def main(arguments):
    if "-c" in arguments:
        print((HERE / "installed.json").read_text())
        return
    with open(HERE / "starts", "a") as starts:
        starts.write(" ".join(arguments) + "\n")
    start = len((HERE / "starts").read_text().splitlines())
    faults = json.loads((HERE / "faults.json").read_text()).get(str(start), {})
    if "start" in faults:
        print("(Worker pid=1) ERROR RuntimeError: no kernel for this", file=sys.stderr)
        sys.exit(1)
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # outlives a killed server
    signal.signal(signal.SIGTERM, lambda *_: (helper.kill(), os._exit(0)))  # as a server ends that is well
    (HERE / "pids").write_text(f"{os.getpid()} {helper.pid}")
    port = int(arguments[arguments.index("--port") + 1])
    server = ThreadingHTTPServer(("127.0.0.1", port), Api)
    server.faults, server.asked, server.lock = faults, 0, threading.Lock()
    server.serve_forever()


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200 if self.is_known() else 401, {})

    def is_known(self):
        """As the door in front of vLLM has it: no path without the key."""
        return self.headers["Authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        if not self.is_known():
            return self.answer(401, {})
        probe = self.path == "/v1/completions" and body["prompt"] == [0]
        with self.server.lock:
            if not probe:
                with open(HERE / "asked.jsonl", "a") as asked:
                    asked.write(json.dumps({"path": self.path, "body": body, "pid": os.getpid()}) + "\n")
                self.server.asked += self.path == "/v1/completions"
        completion = self.path == "/v1/completions" and not probe
        fault = self.server.faults.get(str(self.server.asked) if completion else self.path)
        if self.server.faults.get("hung"):
            time.sleep(600)
        if fault == "die":
            print("(EngineCore pid=2) ERROR MemoryError: out of everything", file=sys.stderr, flush=True)
            os._exit(0)  # as vLLM's does: no error by its exit code
        if fault == "hang":
            self.server.faults["hung"] = True  # for good: the next look at it hangs too
            time.sleep(600)
        if fault:
            return self.answer(fault, {"error": {"message": "as told", "code": fault}})
        if self.path == "/update_weight_version":
            return self.answer(200, {"success": True, "new_version": body["new_version"]})
        if self.path != "/v1/completions":
            return self.answer(200, {"results": [None]})
        choices = [
            {"index": i, "text": "", "finish_reason": "stop", "token_ids": [4 + (body.get("seed", 0) + i) % 10, 2]}
            | {"logprobs": {"token_logprobs": [-0.5, -0.25]}}
            for i in range(body.get("n", 1))
        ]
        self.answer(200, {"choices": choices})

    def answer(self, status, content):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    main(sys.argv[2:])
