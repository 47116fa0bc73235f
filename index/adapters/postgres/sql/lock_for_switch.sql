-- Lock a generation and the live one until commit, so that neither is dropped or switched meanwhile.
-- Returns: number, state, and whether it is pinned.
SELECT generation, state, is_pinned FROM generation
 WHERE generation = %(generation)s OR state = 'live' ORDER BY generation FOR NO KEY UPDATE;
