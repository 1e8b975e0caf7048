"""A whole site in one file, and back: docs/decisions/0143-backups-by-copy.md says why it is made so.

A file is a tar in zstd: about.json, the tables in pieces, the files that their rows name, and manifest.json at the
end, which says what was before it; a file sha256 closes it, the checksum of the whole tar so far.
"""
