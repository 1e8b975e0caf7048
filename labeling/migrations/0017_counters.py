"""Counters instead of counting: kept by triggers, whoever changes the rows and however (docs/decisions/0120)."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import labeling.models.prompts

COLUMNS = (
    "prompts", "settled", "begun", "held", "waiting", "missing",
    "rankings", "ranked_texts", "comparisons", "pairs", "labels", "yes",
)  # fmt: skip
ZERO = {name: "0" for name in COLUMNS}

# Rows go with their project and their labeler. New versions of a row stay in its page, where none of its indexes
# needs to know: room for them is left there.
TABLES = """
ALTER TABLE labeling_counter SET (fillfactor = 50),
    ADD CONSTRAINT counter_of_project FOREIGN KEY (project_id) REFERENCES labeling_project ON DELETE CASCADE;
ALTER TABLE labeling_labelercounter SET (fillfactor = 50),
    ADD CONSTRAINT labeler_counter_of_project FOREIGN KEY (project_id) REFERENCES labeling_project ON DELETE CASCADE,
    ADD CONSTRAINT labeler_counter_of_labeler FOREIGN KEY (labeler_id) REFERENCES labeling_user ON DELETE CASCADE;
"""

# Plans are made once for each connection, perhaps while it imports into an empty database: they go by indexes for ever.
BY_INDEX = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off"

# Any row of the key that nobody else holds, else a new one: so it waits for nobody, and nobody waits in a circle. And
# none that changed often: while somebody reads for long, as a dump does, its dead versions stay, and to find the one that
# lives all are walked past (three times a submission's time after some thousands). The newest row comes first. With a
# new row the ranges that are over are put together, a row for each, but for rows that somebody holds. A project that
# is gone already counts nothing.
COUNT = f"""
CREATE FUNCTION podium_count(
    of_project bigint, of_split varchar, of_range bigint, of_flag text DEFAULT '',
    {", ".join(f"n_{name} bigint DEFAULT 0" for name in COLUMNS)}
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_counter SET {", ".join(f"{name} = {name} + n_{name}" for name in COLUMNS)}
    WHERE id = (
        SELECT id FROM labeling_counter
        WHERE project_id = of_project AND flag = of_flag AND split = of_split AND id_range = of_range
            AND rankings < 64 AND labels < 256
        ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        INSERT INTO labeling_counter (project_id, split, id_range, flag, {", ".join(COLUMNS)})
        SELECT id, of_split, of_range, of_flag, {", ".join(f"n_{name}" for name in COLUMNS)}
        FROM labeling_project WHERE id = of_project;
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
CREATE FUNCTION podium_count_labeler(of_project bigint, of_labeler bigint, n bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO labeling_labelercounter AS counter (project_id, labeler_id, rankings)
    SELECT project.id, person.id, n FROM labeling_project project, labeling_user person
    WHERE project.id = of_project AND person.id = of_labeler
    ON CONFLICT (project_id, labeler_id) DO UPDATE SET rankings = counter.rankings + excluded.rankings
$$;
"""

RANGE_NOW = "(SELECT last_value >> 11 FROM labeling_ranking_id_seq)"


def changed(columns):
    """What a statement made and did away with, each row with its sign, by the kind of statement."""
    fresh, before = f"SELECT 1 AS sign, {columns} FROM fresh", f"SELECT -1 AS sign, {columns} FROM before"
    return {"insert": fresh, "delete": before, "update": f"{fresh} UNION ALL {before}"}


PROMPTS = changed("id, project_id, split, ranked, overlap, held_at")
RANKINGS = changed("id, prompt_id, labeler_id, live")
ANSWERS = changed("id, ranking_id, flags")
PAIRS = changed("id, project_id, prompt_id, ranking_id")


def prompts(event):
    return f"""
    PERFORM podium_count(
        project_id, split, {RANGE_NOW}, n_prompts => prompts, n_settled => settled, n_begun => begun, n_held => held,
        n_waiting => waiting, n_missing => missing)
    FROM (
        SELECT project_id, split, sum(sign) AS prompts,
            sum(sign * (ranked >= overlap)::int) AS settled,
            sum(sign * (ranked > 0 AND ranked < overlap)::int) AS begun,
            sum(sign * (held_at IS NOT NULL)::int) AS held,
            sum(sign * (held_at IS NULL AND ranked < overlap)::int) AS waiting,
            sum(CASE WHEN held_at IS NULL AND ranked < overlap THEN sign * (overlap - ranked) ELSE 0 END) AS missing
        FROM ({PROMPTS[event]}) prompt GROUP BY project_id, split
    ) change
    WHERE (prompts, settled, begun, held, waiting, missing) <> (0, 0, 0, 0, 0, 0);"""


FLAGS_OF = "jsonb_each(CASE jsonb_typeof(answer.flags) WHEN 'object' THEN answer.flags ELSE '{}' END) AS flag (name, said)"
COUNT_FLAGS = """
    PERFORM podium_count(project_id, split, id_range, name, n_labels => labels, n_yes => yes)
    FROM (
        SELECT prompt.project_id, prompt.split, ranking.id >> 11 AS id_range, flag.name,
            sum(sign) AS labels, sum(sign * (flag.said = 'true')::int) AS yes
        {rows}
        GROUP BY 1, 2, 3, 4
    ) change
    WHERE (labels, yes) <> (0, 0);"""


def rankings(event):
    """Its texts are counted when they are stored, which is later; of one that ends, or stands again, they are there."""
    of_texts = event != "insert"
    texts = """
        CROSS JOIN LATERAL (SELECT count(*) AS k FROM labeling_rankedcompletion answer
            WHERE answer.ranking_id = ranking.id) own"""
    flags = f"""FROM ({RANKINGS[event]}) ranking JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
        JOIN labeling_rankedcompletion answer ON answer.ranking_id = ranking.id CROSS JOIN {FLAGS_OF}
        WHERE ranking.live"""
    return f"""
    PERFORM podium_count(
        project_id, split, id_range, n_rankings => rankings, n_ranked_texts => texts, n_comparisons => comparisons)
    FROM (
        SELECT prompt.project_id, prompt.split, ranking.id >> 11 AS id_range, sum(sign) AS rankings,
            {"sum(sign * k)::bigint AS texts, sum(sign * k * (k - 1) / 2)::bigint AS comparisons" if of_texts else
             "0 AS texts, 0 AS comparisons"}
        FROM ({RANKINGS[event]}) ranking JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
        {texts if of_texts else ""}
        WHERE ranking.live GROUP BY 1, 2, 3
    ) change;
    PERFORM podium_count_labeler(project_id, labeler_id, rankings)
    FROM (
        SELECT prompt.project_id, ranking.labeler_id, sum(sign) AS rankings
        FROM ({RANKINGS[event]}) ranking JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
        WHERE ranking.live GROUP BY 1, 2 ORDER BY 1, 2
    ) change
    WHERE rankings <> 0;{COUNT_FLAGS.format(rows=flags) if of_texts else ""}"""


def answers(event):
    """Of n texts more beside `rest` there are n * rest + n * (n - 1) / 2 comparisons more."""
    rest = {"insert": "count(*) - n", "delete": "count(*)"}
    transition = {"insert": "fresh", "delete": "before"}
    sign = {"insert": "", "delete": "-"}
    of_live = """JOIN labeling_ranking ranking ON ranking.id = answer.ranking_id AND ranking.live
        JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id"""
    texts = "" if event == "update" else f"""
    PERFORM podium_count(project_id, split, id_range, n_ranked_texts => texts, n_comparisons => comparisons)
    FROM (
        SELECT prompt.project_id, prompt.split, ranking.id >> 11 AS id_range,
            {sign[event]}sum(n)::bigint AS texts, {sign[event]}sum(n * rest + n * (n - 1) / 2)::bigint AS comparisons
        FROM (SELECT ranking_id, count(*) AS n FROM {transition[event]} GROUP BY ranking_id) answer
        {of_live}
        CROSS JOIN LATERAL (SELECT {rest[event]} AS rest FROM labeling_rankedcompletion other
            WHERE other.ranking_id = ranking.id) others
        GROUP BY 1, 2, 3
    ) change;"""
    flags = COUNT_FLAGS.format(rows=f"FROM ({ANSWERS[event]}) answer {of_live} CROSS JOIN {FLAGS_OF}")
    anything = " OR ".join(
        f"EXISTS (SELECT FROM {table} WHERE flags <> '{{}}')"
        for table in ([transition[event]] if event in transition else ["fresh", "before"])
    )
    return f"""{texts}
    IF {anything} THEN{flags}
    END IF;"""


def pairs(event):
    return f"""
    PERFORM podium_count(project_id, split, id_range, n_pairs => pairs)
    FROM (
        SELECT pair.project_id, prompt.split, pair.id_range, sum(pairs)::bigint AS pairs
        FROM (
            SELECT project_id, prompt_id, ranking_id >> 11 AS id_range, sum(sign) AS pairs
            FROM ({PAIRS[event]}) each GROUP BY 1, 2, 3
        ) pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
        GROUP BY 1, 2, 3
    ) change
    WHERE pairs <> 0;"""


COUNTED = {
    "labeling_prompt": ("prompts", prompts),
    "labeling_ranking": ("rankings", rankings),
    "labeling_rankedcompletion": ("answers", answers),
    "labeling_preferencepair": ("pairs", pairs),
}
TRANSITIONS = {
    "insert": "REFERENCING NEW TABLE AS fresh",
    "delete": "REFERENCING OLD TABLE AS before",
    "update": "REFERENCING NEW TABLE AS fresh OLD TABLE AS before",
}


def triggers():
    for table, (what, body) in COUNTED.items():
        for event, transition in TRANSITIONS.items():
            name = f"podium_count_{what}_{event}"
            yield f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
BEGIN{body(event)}
    RETURN NULL;
END $$;
CREATE TRIGGER {name} AFTER {event.upper()} ON {table} {transition}
    FOR EACH STATEMENT EXECUTE FUNCTION {name}();"""


def row(source, **columns):
    """One part of what podium_counter_differences adds up."""
    key = {"project_id": "prompt.project_id", "split": "prompt.split", "id_range": "0", "flag": "''"}
    values = {**key, **ZERO, **columns}
    return f"SELECT {', '.join(values.values())} {source}"


# What rows say less what counters say, in one statement and so of one moment. Added to the counters it mends them, and
# fills empty ones. A prompt's numbers may be in any range.
OF_PROMPTS, OF_RANKINGS = COLUMNS[:6], COLUMNS[6:]
LIVE = "FROM labeling_ranking ranking JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id"
IN_RANGE = {"id_range": "ranking.id >> 11"}
MINE = "(only_project IS NULL OR {}.project_id = only_project)"
PARTS = (
    row(
        f"FROM labeling_prompt prompt WHERE {MINE.format('prompt')}",
        prompts="1",
        settled="(ranked >= overlap)::int",
        begun="(ranked > 0 AND ranked < overlap)::int",
        held="(held_at IS NOT NULL)::int",
        waiting="(held_at IS NULL AND ranked < overlap)::int",
        missing="CASE WHEN held_at IS NULL AND ranked < overlap THEN overlap - ranked ELSE 0 END",
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
        f"""{LIVE} JOIN labeling_rankedcompletion answer ON answer.ranking_id = ranking.id CROSS JOIN {FLAGS_OF}
            WHERE ranking.live AND {MINE.format('prompt')}""",
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
CREATE FUNCTION podium_counter_differences(only_project bigint DEFAULT NULL)
RETURNS TABLE (project_id bigint, split varchar, id_range bigint, flag text, {", ".join(f"{c} bigint" for c in COLUMNS)})
LANGUAGE sql STABLE AS $$
    SELECT part.project_id, part.split, part.id_range, part.flag, {", ".join(SUMS)}
    FROM ({" UNION ALL ".join(PARTS)}) AS part (project_id, split, id_range, flag, {", ".join(COLUMNS)})
    GROUP BY 1, 2, 3, 4 HAVING ({", ".join(SUMS)}) <> ({", ".join(ZERO.values())}) ORDER BY 1, 2, 3, 4
$$;
CREATE FUNCTION podium_labeler_differences(only_project bigint DEFAULT NULL)
RETURNS TABLE (project_id bigint, labeler_id bigint, rankings bigint) LANGUAGE sql STABLE AS $$
    SELECT part.project_id, part.labeler_id, sum(n)::bigint
    FROM (
        SELECT prompt.project_id, ranking.labeler_id, 1 {LIVE} WHERE ranking.live AND {MINE.format("prompt")}
        UNION ALL
        SELECT counter.project_id, counter.labeler_id, -rankings FROM labeling_labelercounter counter
        WHERE {MINE.format("counter")}
    ) AS part (project_id, labeler_id, n)
    GROUP BY 1, 2 HAVING sum(n) <> 0 ORDER BY 1, 2
$$;
"""

# With the triggers made, nobody writes the tables until all of it is committed.
FILL = f"""
INSERT INTO labeling_counter (project_id, split, id_range, flag, {", ".join(COLUMNS)})
    SELECT * FROM podium_counter_differences();
INSERT INTO labeling_labelercounter (project_id, labeler_id, rankings) SELECT * FROM podium_labeler_differences();
"""
NAMES = [(f"podium_count_{what}_{event}", table) for table, (what, _) in COUNTED.items() for event in TRANSITIONS]
WITHOUT = "".join(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();" for name, table in NAMES) + """
DROP FUNCTION podium_counter_differences; DROP FUNCTION podium_labeler_differences;
DROP FUNCTION podium_count; DROP FUNCTION podium_count_labeler;
"""
NUMBER = {"default": 0, "db_default": 0}
TO_PROJECT = {
    "db_constraint": False, "db_index": False, "on_delete": django.db.models.deletion.DO_NOTHING, "related_name": "+",
    "to": "labeling.project",
}  # fmt: skip


class Migration(migrations.Migration):
    dependencies = (("labeling", "0016_versions_without_filters"),)

    operations = (
        migrations.CreateModel(
            "Counter",
            (
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID", auto_created=True)),
                ("project", models.ForeignKey(**TO_PROJECT)),
                ("split", models.CharField(choices=labeling.models.prompts.Split.choices, max_length=10)),
                ("id_range", models.BigIntegerField()),
                ("flag", models.TextField(blank=True, default="", db_default="")),
                *((name, models.BigIntegerField(**NUMBER)) for name in COLUMNS),
            ),
            options={
                "indexes": [
                    models.Index(fields=["project", "flag", "split", "id_range", "id"], name="counter_of"),
                ],
            },
        ),
        migrations.CreateModel(
            "LabelerCounter",
            (
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID", auto_created=True)),
                ("project", models.ForeignKey(**TO_PROJECT)),
                (
                    "labeler",
                    models.ForeignKey(
                        db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("rankings", models.BigIntegerField(**NUMBER)),
            ),
            options={
                "constraints": [models.UniqueConstraint(fields=["project", "labeler"], name="labeler_counter_once")],
            },
        ),
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
        migrations.RunSQL([COUNT, DIFFERENCES, *triggers(), FILL], WITHOUT),
    )
