from poker.cli import app

# The processes of an import load this module too.
if __name__ == "__main__":
    app(prog_name="python -m poker")
