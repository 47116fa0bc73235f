-- Forget pages that were published anew, unless they have been asked for again since.
DELETE FROM asked
 USING unnest(%(paths)s::text[], %(tickets)s::bigint[]) AS answered (path, ticket)
 WHERE asked.source_id = %(source_id)s AND asked.path = answered.path AND asked.ticket = answered.ticket;
