"""Images that are attached to a run: looked at when they come in, kept for a day."""

from collections.abc import Sequence
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Sum

from apps.accounts.requests import WorkspaceRequest
from apps.playground.models import PlaygroundImage
from apps.playground.runs import forget_old_runs

MAX_IMAGES = 4
MAX_BYTES = 3 * 2**20  # each; four of them stay under the limit of a request's body
MAX_KEPT = 200  # of one person in a workspace, within a day
MAX_KEPT_BYTES = 200 * 2**20
# What a file of the type begins with: its name and what the browser says of it may be wrong.
SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}


class ImageRefused(Exception):
    """A file is no image that can be sent; the text says why."""


def attach(request: WorkspaceRequest, kept: Sequence[UUID]) -> list[UUID]:
    """Keep the uploaded files beside those that are there. Raises ImageRefused."""
    files = [file for file in request.FILES.getlist("images") if isinstance(file, UploadedFile)]
    if len(files) + len(kept) > MAX_IMAGES:
        raise ImageRefused(f"Attach at most {MAX_IMAGES} images.")
    rows = [image_of(request, file) for file in files]
    if rows:
        forget_old_runs()
        check_room(request, rows)
        PlaygroundImage.objects.bulk_create(rows)
    return [row.pk for row in rows]


def check_room(request: WorkspaceRequest, rows: Sequence[PlaygroundImage]) -> None:
    """A page that is sent again and again keeps its images each time. Raises ImageRefused for what a person cannot look at in a day."""
    own = PlaygroundImage.objects.filter(workspace=request.workspace, created_by=request.user)
    kept = own.aggregate(number=Count("pk"), size=Sum("size", default=0))
    if kept["number"] + len(rows) > MAX_KEPT or kept["size"] + sum(row.size for row in rows) > MAX_KEPT_BYTES:
        raise ImageRefused("You have attached as many images as are kept within a day. Each is forgotten after a day.")


def image_of(request: WorkspaceRequest, file: "UploadedFile[bytes]") -> PlaygroundImage:
    name = (file.name or "image")[:120]
    if (file.size or 0) > MAX_BYTES:
        raise ImageRefused(f"{name} has more than {MAX_BYTES >> 20} MiB.")
    data = file.read()
    media_type = media_type_of(data)
    if media_type is None:
        raise ImageRefused(f"{name} is no PNG, JPEG, WebP or GIF image.")
    return PlaygroundImage(
        workspace=request.workspace, created_by=request.user, name=name, media_type=media_type, size=len(data), data=data
    )


def media_type_of(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for media_type, start in SIGNATURES.items() if data.startswith(start)), None)


def own_images(request: WorkspaceRequest, wanted: Sequence[UUID]) -> list[PlaygroundImage]:
    """The person's own, without their bytes, in the order asked for."""
    rows = PlaygroundImage.objects.filter(workspace=request.workspace, created_by=request.user).defer("data")
    found = rows.in_bulk(wanted) if wanted else {}
    return [found[pk] for pk in wanted if pk in found]
