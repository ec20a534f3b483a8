"""The tasks, for `fractal-manifest create --package quietscope-fractal`."""

from fractal_task_tools.task_models import ParallelTask

AUTHORS = "the QuietScope authors"
TASK_LIST = [
    ParallelTask(
        name="Denoise with QuietScope",
        executable="denoise_image.py",
        input_types={"denoised": False},
        output_types={"denoised": True},
        meta={"cpus_per_task": 1, "mem": 4000},
        category="Image Processing",
        tags=["Denoising", "Preprocessing", "2D", "3D"],
        docs_info="Removes noise with a model that `quietscope train` has learnt from noisy images alone.",
    )
]
