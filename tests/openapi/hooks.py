"""What schemathesis has to know of the server under test: names of tracks and other things that are there.

Names that it makes up are never there, so that it would see nothing but refusals.
"""

import fnmatch
import json
import os
import random

import schemathesis

# {"* *": {"id": "…"}, "delete /api/v1/tracks/{id}": {…}, …}: values of parameters in paths, by operation; the last that
# fits counts.
VALUES = json.loads(os.environ["FUZZ_VALUES"])
CHOICE = random.Random(1)


@schemathesis.hook
def before_call(context, case, **_):
    """Puts a name that is there in place of three of four that were made up.

    Others are names that schemathesis has read in answers: what all operations need must not be deleted by those.
    """
    operation = f"{case.operation.method.lower()} {case.operation.path}"
    values = {}
    for pattern, there in VALUES.items():
        if fnmatch.fnmatchcase(operation, pattern):
            values |= there
    for name, given in (case.path_parameters or {}).items():
        if name in values and (given == VALUES["* *"].get(name) or CHOICE.random() < 0.75):
            case.path_parameters[name] = values[name]


@schemathesis.hook
def after_call(context, case, response):
    """Notes what was asked and answered, so that the test can see that every operation was reached."""
    with open(os.environ["FUZZ_LOG"], "a", encoding="utf-8") as log:
        print(case.operation.method.lower(), case.operation.path, response.status_code, file=log)


@schemathesis.serializer("application/offset+octet-stream")
def part_of_an_upload(context, value):
    """A part of a resumable upload: the bytes as they are."""
    return value.encode() if isinstance(value, str) else bytes(value)
