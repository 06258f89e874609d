"""What made tasks/audit/pages/vega.js: Vega-Lite, Vega and their libraries in one file, their licences beside it.

    python scripts/make_charts.py

Needs npm. The versions, and the digest of every package, stand in scripts/charts/package-lock.json: the same file
comes out each time.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "charts"
PAGES = Path(__file__).parents[1] / "tasks" / "audit" / "pages"
LICENCES = {"BSD-3-Clause", "ISC", "0BSD", "MIT", "Unlicense"}
BUNDLE = "--bundle --minify --charset=utf8 --format=iife --global-name=charts --legal-comments=none"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("package.json", "package-lock.json", "entry.js"):
            shutil.copy(HERE / name, work / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=work, check=True)
        subprocess.run(["npx", "esbuild", "entry.js", *BUNDLE.split(), "--outfile=vega.js"], cwd=work, check=True)
        locked = json.loads((work / "package-lock.json").read_text())["packages"]
        shipped = [name for name, about in locked.items() if name and not about.get("dev")]  # all that could be in it
        (PAGES / "vega.licences.txt").write_text("\n".join(_licence(work / name) for name in shipped))
        shutil.copy(work / "vega.js", PAGES / "vega.js")
    print(f"vega.js: {(PAGES / 'vega.js').stat().st_size:,} bytes, with the licences of {len(shipped)} packages")


def _licence(package: Path) -> str:
    about = json.loads((package / "package.json").read_text())
    assert about["license"] in LICENCES, f"{package.name}: {about['license']}"
    text = next(path for path in sorted(package.iterdir()) if path.name.upper().startswith("LICENSE")).read_text()
    return f"{about['name']} {about['version']} ({about['license']})\n\n{text.strip()}\n\n{'-' * 78}\n"


if __name__ == "__main__":
    main()
