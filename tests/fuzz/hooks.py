"""What schemathesis has to know of the server under test: names of tracks and other things that are there.

Names that it makes up are never there, so that it would see nothing but refusals.
"""

import json
import os
import random

import schemathesis

# {"id": "…", …}: values of parameters in paths, and, under the name of a method, others for that method.
VALUES = json.loads(os.environ["FUZZ_VALUES"])
CHOICE = random.Random(1)


@schemathesis.hook
def before_call(context, case, **_):
    """Puts a name that is there in place of three of four that were made up."""
    values = VALUES | VALUES.get(case.method.upper(), {})
    for name in case.path_parameters or {}:
        if name in values and CHOICE.random() < 0.75:
            case.path_parameters[name] = values[name]
