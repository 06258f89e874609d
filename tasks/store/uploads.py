"""Uploads in parts that a killed writer left unfinished: object storage keeps, and charges for, what nobody sees."""

import time
from dataclasses import dataclass
from pathlib import Path

from tasks.store.place import at_url, on_disk


@dataclass(frozen=True)
class Upload:
    """An upload under way, or left behind."""

    key: str
    upload_id: str


def unfinished_uploads(store: Path, grace_seconds: float) -> list[Upload]:
    """Those into this store that began before the grace; none on a disk."""
    if on_disk(store):
        return []
    place = at_url(store)
    bucket, _, prefix = place.path.partition("/")
    asked = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    before = time.time() - grace_seconds
    found: list[Upload] = []
    while True:
        answer = place.fs.call_s3("list_multipart_uploads", **asked)
        for entry in answer.get("Uploads", []):
            if entry["Initiated"].timestamp() <= before:
                found.append(Upload(entry["Key"], entry["UploadId"]))
        if not answer.get("IsTruncated"):
            return found
        asked |= {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}


def abort_upload(store: Path, upload: Upload) -> None:
    """Give up what was uploaded of it."""
    place = at_url(store)
    bucket = place.path.partition("/")[0]
    place.fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=upload.key, UploadId=upload.upload_id)
