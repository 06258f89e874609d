"""The report's pages: what each shows, its templates, and what they share: a stylesheet, scripts, Vega."""
