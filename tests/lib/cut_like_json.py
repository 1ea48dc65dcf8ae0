"""cut_like_json.py FROM TO: a capture of atls-client in stream carriage, with its first large body
in two: the second part begins with "{", as a record's bytes may."""

import json
import re
import shutil
import sys
from pathlib import Path

source, target = Path(sys.argv[1]), Path(sys.argv[2])
shutil.copytree(source, target)
lines = [json.loads(line) for line in (source / "index.jsonl").read_text().splitlines()]
place = next(i for i, line in enumerate(lines) if line["bytes"] > 10000 and line["direction"] == "up")
whole = lines[place]
body = (source / whole["file"]).read_bytes()
at = body.index(b"{", 1)
up = int(re.search(r"up=(\d+)", whole["stream"])[1])
rest = dict(whole, file="rest.body", bytes=len(body) - at, request=999999)
rest["stream"] = whole["stream"].replace(f"up={up}", f"up={up + at}")
whole["bytes"] = at
(target / whole["file"]).write_bytes(body[:at])
(target / rest["file"]).write_bytes(body[at:])
lines.insert(place + 1, rest)
(target / "index.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
