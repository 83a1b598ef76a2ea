"""Opens Facecrop's page in the browser: ``python app.py [--host HOST] [--port PORT] [--data DIR]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from facecrop_core.errors import FacecropError

# A worker process imports this file, too: what is heavy is imported in main().


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    import platformdirs

    parser = argparse.ArgumentParser(description="Opens Facecrop's page in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; only this computer's own")
    parser.add_argument("--port", type=int, default=os.environ.get("GRADIO_SERVER_PORT", "7860"))
    parser.add_argument("--data", type=Path, default=Path(platformdirs.user_data_dir("facecrop", appauthor=False)))
    parser.add_argument("--open", action=argparse.BooleanOptionalAction, default=False, help="open a browser tab")
    return parser.parse_args(arguments)


def main() -> int:
    options = read_arguments()
    try:
        from facecrop_ui.guard import check_loopback

        check_loopback(options.host)
        from facecrop_ui.server import serve

        serve(options.host, options.port, options.data.expanduser().absolute(), options.open)
    except FacecropError as error:
        print(f"facecrop: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
