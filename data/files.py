"""What the converters of both kinds of dataset share: complaints about files."""


class Missing(Exception):
    """A file that the dataset needs is not there, or is not what it should be."""


def require(path):
    if not path.exists():
        raise Missing(f"{path}: no such file or folder")
    return path


def why(fault):
    """The reason in the words of the message that a dataset was not made."""
    if not isinstance(fault, ModuleNotFoundError):
        return fault
    module = fault.name.split(".")[0]
    package = {"yaml": "pyyaml"}.get(module, module)
    return f"needs the Python package {package} (pip install {package})"
