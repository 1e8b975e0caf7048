"""Indexes that are built and dropped while people work: nobody's write waits for them.

A migration of these is `atomic = False`, for PostgreSQL does it in transactions of its own. One that is killed half-way
is run again and goes on: an index that it left unfinished is built anew, one that is there is left alone.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently


class BuildIndex(AddIndexConcurrently):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if self._there(schema_editor):
            return
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def _there(self, schema_editor):
        """Tells whether it has been built, and drops what is left of a try that was killed."""
        name = schema_editor.quote_name(self.index.name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            row = cursor.fetchone()
        if row == (False,):
            self._ensure_not_in_transaction(schema_editor)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {name}")
        return row == (True,)


class DropIndex(RemoveIndexConcurrently):
    """Django's says IF EXISTS, so that it may be run twice."""
