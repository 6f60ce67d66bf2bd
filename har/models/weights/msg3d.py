"""The authors' code of MS-G3D (https://github.com/kenziyuliu/MS-G3D).

The fixed graphs are not in its checkpoints: they are made anew, with the edges of its code.
"""

from har.models.weights.ms_g3d import ms_g3d
from har.models.weights.published import HAND_TIPS, Source, whole

SOURCE = Source(
    title="the authors of MS-G3D",
    models={
        "msg3d": whole(ms_g3d(None, "A_res", transposed=False), frames=300, edges=HAND_TIPS),
    },
    sampling="uniform",
)
