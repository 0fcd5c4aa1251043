"""What the platform says, word for word (common/scala/.../http/ErrorResponse.scala, `Messages`, and pekko-http)."""

from __future__ import annotations

NOT_FOUND = "The requested resource does not exist."
UNAUTHORIZED = "Authentication is possible but has failed or not yet been provided."
PARAMETERS_NOT_ALLOWED = "Request defines parameters that are not allowed (e.g., reserved properties)."
PROPERTY_NOT_FOUND = "Response does not include requested property."
UNKNOWN_CONTENT_TYPE = "Response did not specify a known content-type."
CONTENT_TYPE_MISMATCH = "Response type in header did not match generated content type."
ERROR_PROCESSING = "There was an error processing your request."
NOT_READY = "Response not yet ready."
TOO_MANY_REQUESTS = "Too many concurrent requests in flight."
INTERNAL_ERROR = "There was an internal server error."
NO_ROUTE = "The requested resource could not be found."
CREDENTIALS_MISSING = "The resource requires authentication, which was not supplied with the request"
CREDENTIALS_REJECTED = "The supplied authentication is invalid"

ABNORMAL_INIT = "The action did not initialize and exited unexpectedly."
ABNORMAL_RUN = "The action did not produce a valid response and exited unexpectedly."
MEMORY_EXHAUSTED = "The action exhausted its memory and was aborted."
PROVISION_ERROR = "Failed to provision resources to run the action."
LOG_WARNING = "The action did not initialize or run as expected. Log data might be missing."


def invalid_media(essence: str) -> str:
    """A result that the asked extension can't show."""
    return f"Response is not valid '{essence}'."


def too_large(length: int, limit: int) -> str:
    """A request over the payload limit; both in bytes."""
    return f"Request larger than allowed: {length} > {limit} bytes."


def malformed(reason: str) -> str:
    """A request body that doesn't parse."""
    return f"The request content was malformed:\n{reason}"


def unacceptable(content_type: str) -> str:
    """An answer of a type that the client's Accept doesn't cover."""
    return f"Resource representation is only available with these types:\n{content_type}"


def image_pull_failed(image: str) -> str:
    """An image that the registry didn't give."""
    return f"Failed to pull container image '{image}'."


def command_not_found(image: str) -> str:
    """An image whose entry point doesn't exist in it."""
    return f"executable file not found in image {image}"


def invalid_init(body: str) -> str:
    """An `/init` that wasn't answered with 200."""
    return "The action failed during initialization" + (f": {body}" if body else ".")


def invalid_run(body: str) -> str:
    """A `/run` reply that isn't a JSON object or array, or not a 200."""
    return "The action did not produce a valid JSON or JSON Array response" + (f": {body}" if body else ".")


def truncated(text: str, length: int, limit: int) -> str:
    """A reply over the size limit; lengths in bytes, `text` is its beginning."""
    return (
        f"The action produced a response that exceeded the allowed length: {length} > {limit} bytes. "
        f"The truncated response was: {text}"
    )


def timed_out(timeout: int, *, init: bool) -> str:
    """A call that took longer than the action's limit, in milliseconds."""
    phase = " during initialization" if init else ""
    return f"The action exceeded its time limits of {timeout} milliseconds{phase}."
