"""Videos: frames that are exactly the ones asked for, through any of several decoders."""

from har.video.reader import DECODERS, Frame, VideoReader, open_video

__all__ = ["DECODERS", "Frame", "VideoReader", "open_video"]
