"""Reports: one `render(report) -> str` for each form."""
