"""What is counted is read from the rows that were written on, each looked up by its key, whatever the statistics say.

Left to itself PostgreSQL takes a table for empty that was vacuumed when it was, after an import was undone say, and then
begins there and walks through what was written for each row of it: a thousand rankings took 40 s, and eight times as
long for twice as many. Nobody waits for it: only functions change.
"""

from importlib import import_module

from django.db import migrations

counters = import_module("labeling.migrations.0017_counters")
of_their_project = import_module("labeling.migrations.0025_pairs_of_their_prompts_project")


def looked_up(table, name, key, of, on="true"):
    """Gives a join that PostgreSQL can't turn round: a lateral one is done for each row, and OFFSET keeps it whole."""
    return f"JOIN LATERAL (SELECT * FROM {table} WHERE {key} = {of} OFFSET 0) {name} ON {on}"


JOINS = {
    "JOIN labeling_ranking ranking ON ranking.id = answer.ranking_id AND ranking.live": looked_up(
        "labeling_ranking", "ranking", "id", "answer.ranking_id", "ranking.live"
    ),
    "JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id": looked_up(
        "labeling_prompt", "prompt", "id", "ranking.prompt_id"
    ),
    "JOIN labeling_rankedcompletion answer ON answer.ranking_id = ranking.id": looked_up(
        "labeling_rankedcompletion", "answer", "ranking_id", "ranking.id"
    ),
    "JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id": looked_up(
        "labeling_prompt", "prompt", "id", "pair.prompt_id"
    ),
}


def as_they_stand(what, body, event):
    """Gives the function's text: pairs that come or change are held to their prompts' project since 0025."""
    if what == "pairs" and event in of_their_project.ROWS:
        return of_their_project.held(event)
    return f"""
CREATE OR REPLACE FUNCTION podium_count_{what}_{event}() RETURNS trigger LANGUAGE plpgsql {counters.BY_INDEX} AS $$
BEGIN{body(event)}
    RETURN NULL;
END $$;"""


def functions(joins):
    for what, body in list(counters.COUNTED.values())[1:]:  # those of prompts join nothing
        for event in counters.TRANSITIONS:
            said = as_they_stand(what, body, event)
            for written, other in joins.items():
                said = said.replace(written, other)
            yield said


class Migration(migrations.Migration):
    dependencies = (("labeling", "0029_withdrawn_prompts_by_index"),)

    operations = (migrations.RunSQL("".join(functions(JOINS)), "".join(functions({}))),)
