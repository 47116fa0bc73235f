-- Keep one question and its answer.
INSERT INTO turn (conversation, question, answer)
VALUES (%(conversation)s, %(question)s, %(answer)s);
