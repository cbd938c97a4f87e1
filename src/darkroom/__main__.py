"""`python -m darkroom`: the command line of `darkroom.cli`."""

from darkroom.cli.main import main

if __name__ == "__main__":
    main()
