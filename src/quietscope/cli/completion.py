"""``quietscope --install-completion``: verbs and options that the Tab key completes."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from quietscope.errors import SettingsError

Shell: TypeAlias = Literal["bash", "zsh", "fish", "powershell"]


def install_completion(
    *,
    shell: Annotated[Shell | None, Parameter(help="Which shell. Default: the one that this is typed into.")] = None,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="Write the script here, and leave what the shell reads when it starts as it is. Default: where the "
            "shell looks for such scripts.",
        ),
    ] = None,
) -> None:
    """Let the Tab key complete verbs, options and names of files.

    Writes a script for the shell and, but for fish, a line into the file that the shell reads when it starts
    (~/.bashrc, ~/.zshrc, the profile of PowerShell), unless it is there. Verbs of other packages are in it, so do it
    again when there are new ones.
    """
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    from quietscope.cli import make_app

    try:
        chosen = shell or detect_shell()
    except ShellDetectionError as error:
        fix = "pass e.g. `--shell bash`"
        raise SettingsError("a shell that completes: bash, zsh, fish or powershell", "another one", fix) from error
    if output is not None and output.is_dir():
        raise SettingsError("a file for the script", f"{output}, a folder", f"pass e.g. `--output {output / 'qs.sh'}`")
    path = make_app().install_completion(shell=chosen, output=output, add_to_startup=output is None)
    print(f"completion for {chosen}: {path}; it works in shells that are started from now on")
