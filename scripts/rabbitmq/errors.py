"""What ends a command."""


class Failed(Exception):
    """Ends a command with one clear line."""
