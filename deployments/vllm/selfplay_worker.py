"""What the factory asks vLLM's workers besides their own calls: imported by them, in vLLM's environment."""

from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.platforms import current_platform


class Weights:
    """Added to vLLM's worker class (--worker-extension-cls)."""

    def take_weights(self, folder):
        """Put a checkpoint's weights in place of those that are held.

        On a CPU vLLM multiplies by packed copies, and reload_weights packs those layers again whose weights it read.
        Output weights that are the input's are in no file: vLLM 0.32 goes on with the old ones' copy.
        """
        self.reload_weights(weights_path=folder)
        if current_platform.is_cpu():
            for layer in self.model_runner.get_model().modules():
                if isinstance(layer, ParallelLMHead):
                    layer.quant_method.process_weights_after_loading(layer)
