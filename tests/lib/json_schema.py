#!/usr/bin/python3
"""json_schema.py [--closed] SCHEMA <LINES: each line is JSON of that schema; prints how many there were.

--closed: nor is there anything that the schema does not have, or that it has and no line had. Of JSON schema it
knows what man/*.schema.json use.
"""

import json
import re
import sys

KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


class Schema:
    def __init__(self, root, closed):
        self.root, self.closed = root, closed
        self.seen = set()

    def check(self, value, schema, at):
        if "$ref" in schema:
            schema = self.root["$defs"][schema["$ref"].split("/")[-1]]
            return self.check(value, schema, at)
        if "anyOf" in schema:
            return self.check_any(value, schema["anyOf"], at)
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        fits = any(isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in types)
        assert fits or not types, f"{at}: {value!r} is no {types}"
        assert "const" not in schema or value == schema["const"], f"{at}: {value}"
        assert "enum" not in schema or value in schema["enum"], f"{at}: {value}"
        if isinstance(value, str) and "pattern" in schema:
            assert re.search(schema["pattern"], value), f"{at}: {value} does not match"
        if isinstance(value, dict):
            self.check_object(value, schema, at)
        if isinstance(value, list):
            for i, item in enumerate(value):
                self.check(item, schema.get("items", {}), f"{at}[{i}]")

    def check_any(self, value, schemas, at):
        errors = []
        for one in schemas:
            try:
                return self.check(value, one, at)
            except AssertionError as error:
                errors.append(str(error))
        raise AssertionError(f"{at}: {errors}")

    def check_object(self, value, schema, at):
        for name in schema.get("required", []):
            assert name in value, f"{at}: no {name}"
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", not (self.closed and known))
        for name, item in value.items():
            inner = known.get(name, others)
            assert inner is not False, f"{at}: {name} is not in the schema"
            self.seen.add(id(inner))
            if inner is not True:
                self.check(item, inner, f"{at}.{name}")

    def unseen(self, schema, at=""):
        """The names of properties below schema that no value had."""
        if isinstance(schema, list):
            return [name for item in schema for name in self.unseen(item, at)]
        if not isinstance(schema, dict):
            return []
        found = []
        for key, item in schema.items():
            if key == "properties":
                found += [f"{at}.{name}" for name, inner in item.items() if id(inner) not in self.seen]
                found += [name for one, inner in item.items() for name in self.unseen(inner, f"{at}.{one}")]
            elif key == "$defs":
                found += [name for one, inner in item.items() for name in self.unseen(inner, one)]
            else:
                found += self.unseen(item, at)
        return found


def main():
    closed = sys.argv[1] == "--closed"
    with open(sys.argv[-1]) as file:
        schema = Schema(json.load(file), closed)
    count = 0
    for line in sys.stdin:
        schema.check(json.loads(line), schema.root, "")
        count += 1
    unseen = schema.unseen(schema.root) if closed else []
    assert not unseen, f"in no line: {unseen}"
    print(count)


main()
