"""`python -m darkroom`: the command line, which is in `cli`."""

from darkroom.cli.main import main

if __name__ == "__main__":
    main()
