"""How words are found among the commands: in any case, singular or plural, and with a hint for the rest."""

import click

OTHER_NAMES = {"ls": "list", "versions": "list"}


class Commands(click.Group):
    """A group of commands; without one it prints its help."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, also by its plural or singular, or by another name for it."""
        for name in (cmd_name, OTHER_NAMES.get(cmd_name, ""), f"{cmd_name}s", cmd_name.removesuffix("s")):
            if command := super().get_command(ctx, name):
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with; click's error suggests names that are similar."""
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = self._hint(ctx, args)
            if hint is None:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx) from error
        return (command.name if command else name), command, rest

    def _hint(self, ctx: click.Context, words: list[str]) -> str | None:
        """Return what was meant if it is no misspelt command; None where nothing comes to mind."""
        if any(f"--{words[0]}" in option.opts for option in self.params):
            return f"Did you mean --{words[0]}?"
        later = [word for word in words[1:] if super(Commands, self).get_command(ctx, word)]
        if later:
            rest = [word for word in words if word != later[0]]
            return f"The command comes first: {ctx.command_path} {' '.join([later[0], *rest])}"
        return None


def help_without_a_command(context: click.Context) -> None:
    """Print the help of a group that was given no command."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
