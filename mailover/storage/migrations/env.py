"""What Alembic runs around a migration: the connection that `runner` hands over, its transaction already begun."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    render_as_batch=True,  # SQLite alters a table only by copying it
    transactional_ddl=False,  # the transaction is the caller's, and it covers every revision at once
)
context.run_migrations()
