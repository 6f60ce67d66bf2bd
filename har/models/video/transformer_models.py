"""Video transformers of Hugging Face: VideoMAE and V-JEPA 2.

VideoMAE: Tong et al., NeurIPS 2022, https://arxiv.org/abs/2203.12602. V-JEPA 2: Assran et al.,
2025, https://arxiv.org/abs/2506.09985.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from har.errors import CheckpointError, ConfigError
from har.extras import require


class _VideoTransformer(nn.Module):
    """What both have in common: tubes of pixels in, tokens out.

    Args:
        weights: folder of a published model (``config.json`` and weights), or None for weights at
            random; the sizes are then those of the folder.
        hidden_channels, layers, heads: of the encoder; by default those of ViT-S.
        frames, image_size: of the clips, in frames and pixels.
        patch_size, tube_frames: of a token, in pixels and frames.
    """

    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)
    is_transformer = True

    def __init__(
        self,
        weights: str | None = None,
        hidden_channels: int = 384,
        layers: int = 12,
        heads: int = 6,
        frames: int = 16,
        image_size: int = 224,
        patch_size: int = 16,
        tube_frames: int = 2,
    ):
        super().__init__()
        sizes = {
            "hidden_size": hidden_channels,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "patch_size": patch_size,
            "tubelet_size": tube_frames,
            **self._input_sizes(frames, image_size, hidden_channels),
        }
        config_name, model_name, frames_name, image_size_name = self._names()
        self.net = _build(config_name, model_name, sizes, weights)
        config = self.net.config
        self.frames = int(getattr(config, frames_name))
        self.image_size = int(getattr(config, image_size_name))
        self.tubes = self.frames // int(config.tubelet_size)
        self.out_channels = int(config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, T, H, W) to (N, T', S, C)."""
        self._check_size(x)
        return self._encode(x.transpose(1, 2)).unflatten(1, (self.tubes, -1))

    def token_maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, 3, T, H, W) to the tokens after the first block and the output, (N, T', S, C)."""
        self._check_size(x)
        first: list[Tensor] = []
        watch = self._first_block().register_forward_hook(
            lambda *passed: first.append(_tensor(passed[-1]))
        )
        try:
            last = self._encode(x.transpose(1, 2))
        finally:
            watch.remove()
        return first[0].unflatten(1, (self.tubes, -1)), last.unflatten(1, (self.tubes, -1))

    def _check_size(self, x: Tensor) -> None:
        expected = (self.frames, self.image_size, self.image_size)
        if tuple(x.shape[2:]) != expected:
            raise ConfigError(
                f"{type(self).__name__} takes {self.frames} frames of {self.image_size} pixels, "
                f"not {tuple(x.shape[2:])}: set sampling.frames and data.video.size"
            )

    def _first_block(self) -> nn.Module:
        """Return the first layer of the encoder."""
        layers: Any = self.net.encoder.layer
        return layers[0]

    def _encode(self, clips: Tensor) -> Tensor:
        """Map (N, T, 3, H, W) to tokens (N, L, C)."""
        raise NotImplementedError

    @staticmethod
    def _input_sizes(frames: int, image_size: int, hidden_channels: int) -> dict[str, Any]:
        raise NotImplementedError

    @staticmethod
    def _names() -> tuple[str, str, str, str]:
        """Return the names of configuration and model, and of the two sizes of the input."""
        raise NotImplementedError


class VideoMAE(_VideoTransformer):
    """The encoder of VideoMAE."""

    def _encode(self, clips: Tensor) -> Tensor:
        return self.net(pixel_values=clips).last_hidden_state

    @staticmethod
    def _input_sizes(frames: int, image_size: int, hidden_channels: int) -> dict[str, Any]:
        return {
            "num_frames": frames,
            "image_size": image_size,
            "intermediate_size": 4 * hidden_channels,
        }

    @staticmethod
    def _names() -> tuple[str, str, str, str]:
        return "VideoMAEConfig", "VideoMAEModel", "num_frames", "image_size"


class VJEPA2(_VideoTransformer):
    """The encoder of V-JEPA 2."""

    def _encode(self, clips: Tensor) -> Tensor:
        return self.net.get_vision_features(pixel_values_videos=clips)

    @staticmethod
    def _input_sizes(frames: int, image_size: int, hidden_channels: int) -> dict[str, Any]:
        return {
            "frames_per_clip": frames,
            "crop_size": image_size,
            "pred_hidden_size": hidden_channels,
            "pred_num_hidden_layers": 1,
        }

    @staticmethod
    def _names() -> tuple[str, str, str, str]:
        return "VJEPA2Config", "VJEPA2Model", "frames_per_clip", "crop_size"


def _tensor(output: Any) -> Tensor:
    """Return the tokens of a layer, which may return more beside them."""
    return output[0] if isinstance(output, tuple) else output


def _build(config: str, model: str, sizes: dict[str, Any], weights: str | None) -> Any:
    library = require("transformers", "transformers")
    kind = getattr(library, model)
    if weights is None:
        return kind(getattr(library, config)(**sizes))
    folder = Path(weights).expanduser()
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"There is no model in {folder}. Nothing is downloaded here: get the folder of a "
            f"{model} with config.json and model.safetensors on a machine with a network and give "
            "its path as model.backbone.weights; weights=null starts at random"
        )
    return kind.from_pretrained(folder, local_files_only=True, use_safetensors=True)
