from eventstore.embedded import host
from poker.cli import app

# The processes of an import load this module too.
if __name__ == "__main__":
    host.print_what_the_console_cannot_show()
    app(prog_name="python -m poker")
