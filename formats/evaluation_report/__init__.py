"""The evaluation report's shape: one JSON object and its parts, as core's build_report makes them for all of Podium.

Who makes a part is named as a module of rewardtrain/core/measures. Of a model that was tested on no pair the figures of
pairs are None or empty; has_pairs tells, and of a report that has some gives a PairReport, which knows them all.
"""
