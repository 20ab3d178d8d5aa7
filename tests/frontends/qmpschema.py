# qmpschema.py - what query-qmp-schema answers, as something that answers can be held against
# SPDX-License-Identifier: LGPL-2.1-or-later


class Schema:
    def __init__(self, entries):
        self.types = {}
        self.commands = {}
        self.events = {}
        for entry in entries:
            kind = {"command": self.commands, "event": self.events}.get(entry["meta-type"],
                                                                        self.types)
            if entry["name"] in kind:
                raise AssertionError(f"{entry['name']} is described twice")
            kind[entry["name"]] = entry

    def references(self):
        """Each as the entry that has it, and the type that it names."""
        for entry in [*self.types.values(), *self.commands.values(), *self.events.values()]:
            for key in ["element-type", "arg-type", "ret-type"]:
                if key in entry:
                    yield entry["name"], entry[key]
            if entry["meta-type"] in ("object", "alternate"):
                for member in entry["members"]:
                    yield entry["name"], member["type"]
            for variant in entry.get("variants", []):
                yield entry["name"], variant["type"]

    def check_result(self, command, value):
        self.check(self.commands[command]["ret-type"], value, command)

    def check_event(self, event):
        self.check(self.events[event["event"]]["arg-type"], event.get("data", {}), event["event"])

    def check(self, name, value, where):
        """Raises where `value` is not of the type `name`."""
        entry = self.types[name]
        if not getattr(self, "is_" + entry["meta-type"])(entry, value, where):
            raise AssertionError(f"{where}: {value!r} is no {name}")

    def fits(self, name, value):
        try:
            self.check(name, value, "")
        except AssertionError:
            return False
        return True

    def is_builtin(self, entry, value, where):
        kinds = {"string": str, "boolean": bool, "null": type(None), "value": object}
        if entry["json-type"] in ("int", "number"):
            return isinstance(value, int if entry["json-type"] == "int" else (int, float)) \
                and not isinstance(value, bool)
        return isinstance(value, kinds[entry["json-type"]])

    def is_enum(self, entry, value, where):
        return value in entry["values"]

    def is_array(self, entry, value, where):
        if not isinstance(value, list):
            return False
        for number, element in enumerate(value):
            self.check(entry["element-type"], element, f"{where}[{number}]")
        return True

    def is_alternate(self, entry, value, where):
        return any(self.fits(member["type"], value) for member in entry["members"])

    def is_object(self, entry, value, where):
        if not isinstance(value, dict):
            return False
        members = {member["name"]: member for member in entry["members"]}
        for variant in entry.get("variants", []):
            if variant["case"] == value.get(entry["tag"]):
                members.update({member["name"]: member
                                for member in self.types[variant["type"]]["members"]})
        for name, member in members.items():
            if name not in value and "default" not in member:
                raise AssertionError(f"{where} lacks {name}")
        for name, inner in value.items():
            if name not in members:
                raise AssertionError(f"{where} has {name}, which is not in {entry['name']}")
            self.check(members[name]["type"], inner, f"{where}.{name}")
        return True
