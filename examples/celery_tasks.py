"""Log Celery tasks, also where a worker process ends after each: nothing is lost.

Run ``celery -A celery_tasks worker --max-tasks-per-child 1``, then this file: it
queues ten tasks. A worker process that ends leaves its logs in the journal; the others
deliver them, or the next one, or ``promptscribe drain``.
"""

import os
from pathlib import Path

from celery import Celery

from promptscribe import log_prompt

queue = Path(os.environ.get("QUEUE", "queue"))
queue.mkdir(exist_ok=True)
app = Celery("celery_tasks", broker="filesystem://")  # a folder: no server is needed
app.conf.broker_transport_options = {
    "data_folder_in": str(queue),
    "data_folder_out": str(queue),
    "control_folder": str(queue),
}


@app.task
@log_prompt(path="celery/answer")  # beneath the task's own decorator
def answer(question: str) -> str:
    """Stand for a call of a model."""
    return f"You asked: {question}"


if __name__ == "__main__":
    for number in range(10):
        answer.delay(f"question {number}")
    print("10 queued")
