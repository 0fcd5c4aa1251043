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
INTERNAL_ERROR = "There was an internal server error."
NO_ROUTE = "The requested resource could not be found."
CREDENTIALS_MISSING = "The resource requires authentication, which was not supplied with the request"
ALREADY_EXISTS = "resource already exists"
WRONG_COLLECTION = "Resource by this name exists but is not in this collection."
BINDING_DOES_NOT_EXIST = "Binding references a package that does not exist."
PACKAGE_CANNOT_BECOME_BINDING = "Resource is a package and cannot be converted into a binding."
BINDING_OF_A_BINDING = "Cannot bind to another package binding."
BINDING_OF_NO_PACKAGE = "Cannot bind to a resource that is not a package."
NOT_ALLOWED_ON_BINDING = "Operation not permitted on package binding."
SEQUENCE_TOO_LONG = "Too many actions in the sequence."
SEQUENCE_EMPTY = "No component specified for the sequence."
SEQUENCE_CYCLIC = "Sequence may not refer to itself."
SEQUENCE_FAILED = "Sequence failed."
SEQUENCE_COMPONENT_MISSING = "Sequence component does not exist."
DOCS_WITH_COUNT = "The parameter 'docs' is not permitted with 'count'."
NAME_ILLEGAL = "The name of the entity contains illegal characters."
NAMESPACE_ILLEGAL = "The namespace contains illegal characters."
ACTIVATION_ID_ILLEGAL = "The activation id is not valid."
ENTITY_EXPECTED = "Request entity expected but not supplied"
CREDENTIALS_REJECTED = "The supplied authentication is invalid"

ABNORMAL_INIT = "The action did not initialize and exited unexpectedly."
ABNORMAL_RUN = "The action did not produce a valid response and exited unexpectedly."
MEMORY_EXHAUSTED = "The action exhausted its memory and was aborted."
PROVISION_ERROR = "Failed to provision resources to run the action."
LOG_WARNING = "The action did not initialize or run as expected. Log data might be missing."


def invalid_media(essence: str) -> str:
    """A result that the asked extension can't show."""
    return f"Response is not valid '{essence}'."


def too_long_indented(limit: int) -> str:
    """A result that the platform sends and this one doesn't, which has other calls to answer meanwhile."""
    return f"The result has more than {limit} characters when it is indented: the local platform sends no more of one."


def too_large(length: int, limit: int, what: str = "Request") -> str:
    """A request over the payload limit, or a field of an entity over its own; both in bytes."""
    return f"{what} larger than allowed: {length} > {limit} bytes."


def name_too_long(what: str, length: int, limit: int) -> str:
    """A name with more characters than allowed."""
    return f"{what} longer than allowed: {length} > {limit}."


def too_many_requests(count: int, allowed: int) -> str:
    """More activations within a minute than a namespace may have."""
    return f"Too many requests in the last minute (count: {count}, allowed: {allowed})."


def too_many_concurrent(count: int, allowed: int) -> str:
    """More activations at a time than a namespace may have."""
    return f"Too many concurrent requests in flight (count: {count}, allowed: {allowed})."


def not_authorized(resource: str) -> str:
    """Something of another namespace."""
    return f"The supplied authentication is not authorized to access '{resource}'."


def named_not_found(resource: str) -> str:
    """A package of another namespace that doesn't exist."""
    return f"The requested resource '{resource}' does not exist."


def package_name_reserved(name: str) -> str:
    """A package that would be taken for the default one."""
    return f"Package name '{name}' is reserved."


def package_not_empty(count: int) -> str:
    """A package that can't be deleted without force."""
    entities = "entity" if count == 1 else "entities"
    return f"Package not empty (contains {count} {entities}). Set force param or delete package contents."


def malformed_query(name: str, reason: str) -> str:
    """A query parameter that doesn't parse."""
    return f"The query parameter '{name}' was malformed:\n{reason}"


def unsupported_content_type(given: str) -> str:
    """A body that isn't JSON."""
    return f"The request's Content-Type [{given}] is not supported. Expected:\napplication/json"


def logs_truncated(limit: int) -> str:
    """A log over its limit in bytes."""
    return f"Logs were truncated because the total bytes size exceeds the limit of {limit} bytes."


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
