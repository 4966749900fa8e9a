"""The program: command line, settings, composition root, roles, and the embedded broker and database."""
