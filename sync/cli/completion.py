"""The command that prints a shell's completion script."""

import click

from sync.cli.session import PROGRAM


@click.command(
    epilog="\b\n"
    "bash 4.4 or newer, in ~/.bashrc:\n"
    '  eval "$(keyvault-sync completion bash)"\n'
    "zsh, in ~/.zshrc after compinit:\n"
    '  eval "$(keyvault-sync completion zsh)"\n'
    "fish, in ~/.config/fish/config.fish:\n"
    "  keyvault-sync completion fish | source"
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, and the vaults and secrets that earlier answers of status and
    explain named. Those names, and nothing else, are kept for each app in $XDG_CACHE_HOME or
    ~/.cache; completion itself asks nobody.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    kind = get_completion_class(shell)
    if kind is None:  # click knows all three
        raise click.UsageError(f"{shell} has no completion.")
    root = context.find_root().command
    complete = kind(root, {}, PROGRAM, "_KEYVAULT_SYNC_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())
