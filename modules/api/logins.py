"""Who is calling, and what of the queue is theirs. The check in front of the API has verified the login; here is only its name."""

from __future__ import annotations

from starlette.requests import Request

from modules.core.errors import NotFound
from modules.jobs.job import Job


def login(request: Request) -> str:
    """The verified user name, "" where there are no logins. An Authorization header that nobody checked, such as an empty one, says nothing."""
    return str(getattr(request.state, "user", "") or "")


def theirs(job: Job, owner: str) -> bool:
    """Whether a caller may see and stop a job: without logins every one; with them, one's own and what belongs to nobody."""
    return not owner or job.owner in ("", owner)


def require(job: Job, owner: str) -> Job:
    """The job, if it is theirs. Raises NotFound as for a job that does not exist, so that ids of others cannot be guessed."""
    if not theirs(job, owner):
        raise NotFound(f"There is no job {job.id!r}.", "Look at the queue or the history.", "id")
    return job
