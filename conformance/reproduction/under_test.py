"""The function of a script that imports what is under test, from a file or by its module."""

from __future__ import annotations

from string import Template

from conformance.reproduction.kinds import CannotReproduceError


def imported(naming: str, thing: str = "{}") -> str:
    """The text of `under_test()`. naming: module:Name or file.py:Name; thing: what is returned of the Name, by an
    expression with {} in its place.

    Raises CannotReproduceError for what Python's own import could not say.
    """
    place, _, name = naming.rpartition(":")
    if not name.isidentifier():
        raise CannotReproduceError(f"no script is written for {naming}: {name!r} is no name in Python")
    if place.endswith(".py"):
        return _FROM_FILE.substitute(place=repr(place), thing=thing.format(f"module.{name}"))
    if not all(part.isidentifier() for part in place.split(".")):
        raise CannotReproduceError(f"no script is written for {naming}: {place!r} is no module's name in Python")
    return _FROM_MODULE.substitute(place=place, name=name, thing=thing.format(name))


_FROM_FILE = Template('''def under_test():
    """From its file, which is looked for in the current folder."""
    spec = importlib.util.spec_from_file_location("under_test", $place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["under_test"] = module
    spec.loader.exec_module(module)
    return $thing
''')

_FROM_MODULE = Template('''def under_test():
    """From its module, which is looked for in the current folder as well."""
    sys.path.append(os.getcwd())
    from $place import $name

    return $thing
''')
