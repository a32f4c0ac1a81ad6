"""Puts page and API into one server. `page.serve` has both, `bare.serve` the API alone (and imports no gradio).

In front of everything, Gradio's own routes too, stands one `door`: host names, origins, subpath, CORS, and a login for the routes that are ours.
"""
