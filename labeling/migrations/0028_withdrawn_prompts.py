"""Withdrawn prompts: in a number of their own and in no other (docs/decisions/0149).

Neither the columns nor the functions read a row, so nobody waits for this longer than for a lock.
"""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

counters = import_module("labeling.migrations.0017_counters")

COLUMNS = (*counters.COLUMNS, "withdrawn")
OF_PROMPTS, OF_RANKINGS = (*counters.OF_PROMPTS, "withdrawn"), counters.OF_RANKINGS
ADDED = ", ".join(f"{name} = {name} + n_{name}" for name in COLUMNS)
GIVEN = ", ".join(f"n_{name}" for name in COLUMNS)

# As in 0017, with one number more.
COUNT = f"""
DROP FUNCTION podium_count;
CREATE FUNCTION podium_count(
    of_project bigint, of_split varchar, of_range bigint, of_flag text DEFAULT '',
    {", ".join(f"n_{name} bigint DEFAULT 0" for name in COLUMNS)}
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_counter SET {ADDED}
    WHERE id = (
        SELECT id FROM labeling_counter
        WHERE project_id = of_project AND flag = of_flag AND split = of_split AND id_range = of_range
            AND rankings < 64 AND labels < 256
        ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        INSERT INTO labeling_counter (project_id, split, id_range, flag, {", ".join(COLUMNS)})
        SELECT id, of_split, of_range, of_flag, {GIVEN} FROM labeling_project WHERE id = of_project;
        WITH several AS (
            SELECT id_range FROM labeling_counter
            WHERE project_id = of_project AND flag = of_flag AND split = of_split AND id_range < of_range
            GROUP BY id_range HAVING count(*) > 1
        ), free AS (
            SELECT id FROM labeling_counter
            WHERE project_id = of_project AND flag = of_flag AND split = of_split
                AND id_range IN (SELECT id_range FROM several)
            FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM labeling_counter WHERE id IN (SELECT id FROM free) RETURNING *
        )
        INSERT INTO labeling_counter (project_id, split, id_range, flag, {", ".join(COLUMNS)})
        SELECT project_id, split, id_range, flag, {", ".join(f"sum({name})" for name in COLUMNS)}
        FROM gone GROUP BY project_id, split, id_range, flag;
    END IF;
END $$;
"""
# Each number of a prompt as it is in its row; `n` is 1, or -1 where a row went, and 0 of a withdrawn one.
OF_ROW = {
    "prompts": "n",
    "settled": "n * (ranked >= overlap)::int",
    "begun": "n * (ranked > 0 AND ranked < overlap)::int",
    "held": "n * (held_at IS NOT NULL)::int",
    "waiting": "n * (held_at IS NULL AND ranked < overlap)::int",
    "missing": "CASE WHEN held_at IS NULL AND ranked < overlap THEN n * (overlap - ranked) ELSE 0 END",
    "withdrawn": "sign - n",
}
PROMPTS = counters.changed(
    "project_id, split, ranked, overlap, held_at, withdrawn_at, (withdrawn_at IS NULL)::int AS here"
)


def counted(event):
    sums = ", ".join(f"sum({said})::bigint AS {name}" for name, said in OF_ROW.items())
    return f"""
CREATE OR REPLACE FUNCTION podium_count_prompts_{event}() RETURNS trigger LANGUAGE plpgsql {counters.BY_INDEX} AS $$
BEGIN
    PERFORM podium_count(
        project_id, split, {counters.RANGE_NOW}, {", ".join(f"n_{name} => {name}" for name in OF_ROW)})
    FROM (
        SELECT project_id, split, {sums} FROM (SELECT *, sign * here AS n FROM ({PROMPTS[event]}) each) prompt
        GROUP BY project_id, split
    ) change
    WHERE ({", ".join(OF_ROW)}) <> ({", ".join("0" for _ in OF_ROW)});
    RETURN NULL;
END $$;"""


def counted_before(event):
    """Gives what 0017 put there."""
    return f"""
CREATE OR REPLACE FUNCTION podium_count_prompts_{event}() RETURNS trigger LANGUAGE plpgsql {counters.BY_INDEX} AS $$
BEGIN{counters.prompts(event)}
    RETURN NULL;
END $$;"""


def row(source, **columns):
    key = {"project_id": "prompt.project_id", "split": "prompt.split", "id_range": "0", "flag": "''"}
    return f"SELECT {', '.join({**key, **dict.fromkeys(COLUMNS, '0'), **columns}.values())} {source}"


MINE, LIVE, IN_RANGE = counters.MINE, counters.LIVE, counters.IN_RANGE
PARTS = (
    row(
        f"""FROM (SELECT *, 1 AS sign, (withdrawn_at IS NULL)::int AS n FROM labeling_prompt) prompt
            WHERE {MINE.format('prompt')}""",
        **OF_ROW,
    ),
    row(
        f"""{LIVE} CROSS JOIN LATERAL (SELECT count(*) AS k FROM labeling_rankedcompletion answer
            WHERE answer.ranking_id = ranking.id) own WHERE ranking.live AND {MINE.format('prompt')}""",
        **IN_RANGE, rankings="1", ranked_texts="k", comparisons="k * (k - 1) / 2",
    ),
    row(
        f"""FROM labeling_preferencepair pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
            WHERE {MINE.format('pair')}""",
        project_id="pair.project_id", id_range="pair.ranking_id >> 11", pairs="1",
    ),
    row(
        f"""{LIVE} JOIN labeling_rankedcompletion answer ON answer.ranking_id = ranking.id
            CROSS JOIN {counters.FLAGS_OF} WHERE ranking.live AND {MINE.format('prompt')}""",
        **IN_RANGE, flag="flag.name", labels="1", yes="(flag.said = 'true')::int",
    ),
    row(
        f"FROM labeling_counter counter WHERE {MINE.format('counter')}",
        project_id="project_id", split="split", **{name: f"-{name}" for name in OF_PROMPTS},
    ),
    row(
        f"FROM labeling_counter counter WHERE {MINE.format('counter')}",
        project_id="project_id", split="split", id_range="id_range", flag="flag",
        **{name: f"-{name}" for name in OF_RANKINGS},
    ),
)  # fmt: skip
SUMS = [f"coalesce(sum(part.{name}), 0)::bigint" for name in COLUMNS]
DIFFERENCES = f"""
DROP FUNCTION podium_counter_differences;
CREATE FUNCTION podium_counter_differences(only_project bigint DEFAULT NULL)
RETURNS TABLE (project_id bigint, split varchar, id_range bigint, flag text, {", ".join(f"{c} bigint" for c in COLUMNS)})
LANGUAGE sql STABLE AS $$
    SELECT part.project_id, part.split, part.id_range, part.flag, {", ".join(SUMS)}
    FROM ({" UNION ALL ".join(PARTS)}) AS part (project_id, split, id_range, flag, {", ".join(COLUMNS)})
    GROUP BY 1, 2, 3, 4 HAVING ({", ".join(SUMS)}) <> ({", ".join("0" for _ in COLUMNS)}) ORDER BY 1, 2, 3, 4
$$;
"""
# Of the functions of 0017 these two alone; the others stay as they are.
COUNT_BEFORE = "DROP FUNCTION podium_count;" + counters.COUNT.partition("CREATE FUNCTION podium_count_labeler")[0]
DIFFERENCES_BEFORE = (
    "DROP FUNCTION podium_counter_differences;"
    + counters.DIFFERENCES.partition("CREATE FUNCTION podium_labeler_differences")[0]
)
EVENTS = ("insert", "delete", "update")


class Migration(migrations.Migration):
    dependencies = (("labeling", "0027_version_notes_and_links"),)

    operations = (
        migrations.AddField("prompt", "withdrawn_at", models.DateTimeField(null=True)),
        migrations.AddField("counter", "withdrawn", models.BigIntegerField(default=0, db_default=0)),
        AddConstraintNotValid(
            model_name="prompt",
            constraint=models.CheckConstraint(
                condition=models.Q(("withdrawn_at__isnull", True), ("held_at__isnull", False), _connector="OR"),
                name="prompt_withdrawn_is_held",
            ),
        ),
        migrations.RunSQL(
            [COUNT, DIFFERENCES, *map(counted, EVENTS)],
            [COUNT_BEFORE, DIFFERENCES_BEFORE, *map(counted_before, EVENTS)],
        ),
    )
