"""The texts a runtime is measured and checked with: like documentation, in several lengths."""

_SENTENCES = (
    "Install the package into a fresh environment, then run the setup command once.",
    "The scheduler keeps a queue for each priority and serves the oldest entry of the highest one.",
    "Set `max_retries` to 0 to fail at the first error instead of waiting for the backoff.",
    "A worker that has not answered for thirty seconds is replaced, and its tasks run elsewhere.",
    "from cluster import connect; client = connect('localhost:6379', timeout=5.0)",
    "Warning: deleting a volume removes its snapshots too, and this cannot be undone.",
    "| option | default | meaning |\n|---|---|---|\n| `batch` | 16 | rows sent in one request |",
    "Logs go to standard error unless a file is named in the configuration.",
    "What is the difference between a rolling update and a blue-green deployment?",
    "The hyperparameter search stops early when no trial has improved within ten rounds.",
    "def normalise(v):\n    size = sum(x * x for x in v) ** 0.5\n    return [x / size for x in v]",
    "Since version 2.4 the old name is an alias; it will be removed in the next major release.",
    "Gradients are averaged across all replicas before the optimiser takes its step.",
    "To reset a forgotten password, open the sign-in page and follow the second link.",
    "The reward of an episode is discounted by gamma at every step.",
    "$ kubectl get pods --namespace web --watch",
    "An index on the foreign key makes the join fast; without one each row costs a scan.",
    "Vectors of equal length are compared by their dot product once they are normalised.",
    "Le cache est vidé à chaque déploiement ; aucune action n'est nécessaire.",
    "If the certificate has expired, the handshake fails with `ERR_CERT_DATE_INVALID`.",
    "Each dataset is split into blocks, and a block is the unit that moves between machines.",
    "Returns the number of rows written, or `None` when the transaction was rolled back.",
    "The image is built from two stages so that compilers never reach production.",
    "Use environment variables for secrets; a committed file is read by all who have the code.",
    "Backpressure: a producer waits as soon as sixty-four messages are not acknowledged.",
    "Die Wiederherstellung dauert je nach Größe der Sicherung einige Minuten.",
    'class Retry(Exception):\n    """Raised to run the task again later."""',
    "Tokens expire after one hour, and a refresh token is good for thirty days.",
    "A tombstone remembers that a record was deleted, so that a late copy cannot bring it back.",
    "Press Ctrl+C twice to stop the server without waiting for open connections.",
    "The loss falls quickly in the first epoch and flattens out once the learning rate is lowered.",
    "GET /v1/items?limit=20&after=abc123 HTTP/1.1\nAccept: application/json",
    "Autoscaling adds a node when pending requests stay above the target for a minute.",
    "Deprecated: call `load_model` with a path instead of passing an open file.",
    "Both clocks must agree to within five minutes or the signature is refused.",
    "The first argument is the path of the checkpoint; all that follows is passed to the trainer.",
    "Quantisation to eight bits halves memory twice over at a small cost in accuracy.",
    "設定ファイルを保存すると、サーバーは自動的に再起動します。",
    "SELECT name, count(*) FROM visits GROUP BY name HAVING count(*) > 10 ORDER BY 2 DESC;",
    "Run the tests with coverage before you open a pull request.",
    "A consumer group shares the partitions of a topic among its members.",
    "Figure 3 shows throughput against batch size for one, two and four accelerators.",
    "Timeouts are given in seconds; a negative value means to wait for ever.",
    "The plugin registers two hooks: one before a request is sent and one after the reply.",
    "Known limits: 512 columns, 2 MiB a row, and names of at most 63 bytes.",
    "Happy path ✅, failure path ❌, and everything in between 🤷 is logged with its request id.",
    "Headings become anchors: spaces turn into hyphens and letters are lowered.",
    "replicas: 3\nstrategy:\n  type: RollingUpdate\n  rollingUpdate:\n    maxUnavailable: 1",
    "The sampler draws sequences from the replay buffer in proportion to their error.",
    "An actor keeps its state in memory and handles one call at a time.",
    "See the migration guide if you come from the 1.x series, because the defaults have changed.",
    "Errors of the network are retried, errors of the input are not.",
    "Compression is chosen by the suffix of the file: `.gz`, `.zst` or none.",
    "The dashboard listens on port 8265 of the head node and needs no password by default.",
    "raise ValueError(f'expected {expected} columns, got {len(row)}')",
    "Mixed precision keeps a copy of the weights in float32 and computes in bfloat16.",
    "Проверьте, что порт открыт в брандмауэре, и повторите запрос.",
    "Upgrade one machine after the other; old and new versions speak the same protocol.",
    "Every change is reviewed by two people, one of whom owns the module.",
    "Callbacks run in the order in which they were added, and an exception stops the rest.",
    "The estimator supports sparse input only with the `saga` and `lbfgs` solvers.",
    "To profile memory, start the process with the flag `--trace-allocations=25`.",
    "Short answer: yes, but not from inside a transaction.",
    "Further reading: consistency models, write-ahead logs, and the cost of two-phase commit.",
)
_SENTENCES_IN_TEXT = (1, 4, 9, 2, 6, 3, 14, 5)
_PROBES = 8


def self_test_texts() -> tuple[str, ...]:
    """64 texts, most of a paragraph, from one sentence to past a window of 256 tokens."""
    doubled = _SENTENCES + _SENTENCES
    sizes = (
        _SENTENCES_IN_TEXT[start % len(_SENTENCES_IN_TEXT)] for start in range(len(_SENTENCES))
    )
    return tuple(" ".join(doubled[start : start + size]) for start, size in enumerate(sizes))


def probe_places(count: int) -> list[int]:
    """Which of `count` texts are checked at each start: few, and of each length."""
    step = max(1, count // _PROBES)
    return [min(count - 1, place * step + place % step) for place in range(min(_PROBES, count))]
