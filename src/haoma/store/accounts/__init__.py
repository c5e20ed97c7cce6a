"""Accounts: who has which logins and which number."""
