"""The schema's history, for Alembic. One file per revision in `versions`; a released one is never edited."""
