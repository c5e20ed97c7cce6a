"""The routes: what each of them answers."""
