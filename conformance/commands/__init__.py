"""One file for each subcommand: `add_parser(subparsers)` says its options, `run(arguments)` returns its exit code."""
