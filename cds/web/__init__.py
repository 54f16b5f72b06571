"""The HTTP face of an Engine: a Flask application with the CDS Hooks and system routes. Flask is used only here."""

from cds.web.app import create_app

__all__ = ["create_app"]
