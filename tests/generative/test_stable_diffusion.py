"""The wrapper around diffusers, exercised with a tiny pipeline of random weights."""

import json

import pytest
import torch

from course_lib.generative import stable_diffusion
from course_lib.generative.stable_diffusion import (
    TASKS,
    UnavailableError,
    load_stable_diffusion,
    paint,
)

SIZE = 32


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tokenizer(folder, transformers):
    """CLIP's tokenizer with letters for a vocabulary."""
    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz")]
    words = ["<|startoftext|>", "<|endoftext|>", *letters]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
    )


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The five parts of Stable Diffusion, a few thousand weights each."""
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    text = transformers.CLIPTextConfig(
        vocab_size=54,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    blocks = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D")}
    blocks |= {"up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D")}
    return {
        "vae": diffusers.AutoencoderKL(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
        ),
        "text_encoder": transformers.CLIPTextModel(text).eval(),
        "tokenizer": tokenizer(tmp_path_factory.mktemp("clip"), transformers),
        "unet": diffusers.UNet2DConditionModel(
            sample_size=SIZE // 2,
            block_out_channels=(8, 16),
            layers_per_block=1,
            cross_attention_dim=16,
            attention_head_dim=4,
            norm_num_groups=4,
            **blocks,
        ),
        "scheduler": diffusers.DDIMScheduler(clip_sample=False, steps_offset=1),
    }


def pipeline(parts, task="text"):
    made = stable_diffusion._pipeline_class(task)(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    made.set_progress_bar_config(disable=True)
    return made


def test_it_draws_what_has_the_right_form(parts):
    prompts = ["a face", "a wall"]
    drawn = paint(pipeline(parts), prompts, generator=seeded(), steps=2, height=SIZE, width=SIZE)
    assert drawn.shape == (2, 3, SIZE, SIZE) and drawn.dtype == torch.float32
    assert 0 <= float(drawn.min()) < float(drawn.max()) <= 1


def test_prompt_guidance_and_negative_prompt_reach_the_pipeline(parts):
    made = pipeline(parts)

    def draw(prompt="a face", **options):
        options = {"steps": 2, "height": SIZE, "width": SIZE} | options
        return paint(made, [prompt], generator=seeded(), **options)

    plain = draw()
    assert torch.equal(plain, draw())  # the same seed
    assert not torch.equal(plain, draw("zzz"))
    assert not torch.equal(plain, draw(guidance=20.0))
    assert not torch.equal(plain, draw(avoid="zzz"))
    assert torch.equal(draw("a", guidance=1.0), draw("a", guidance=1.0, avoid="zzz"))


def test_image_to_image_keeps_more_at_a_low_strength(parts):
    made = pipeline(parts, "image")
    images = torch.rand(1, 3, SIZE, SIZE, generator=seeded(1))
    low, high = (
        paint(made, ["a face"], generator=seeded(), steps=10, images=images, strength=strength)
        for strength in (0.1, 1.0)
    )
    again = made.vae.decode(made.vae.encode(2 * images - 1).latent_dist.mode()).sample / 2 + 0.5
    kept = [(x - again.clamp(0, 1)).square().mean().item() for x in (low, high)]
    assert low.shape == images.shape
    assert kept[0] < kept[1]


def test_inpainting_takes_our_mask(parts):
    made = pipeline(parts, "inpaint")
    images = torch.rand(1, 3, SIZE, SIZE, generator=seeded(1))
    mask = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.bool)
    mask[..., SIZE // 2 :] = True
    drawn = [
        paint(made, [prompt], generator=seeded(), steps=4, images=images, mask=mask, strength=1.0)
        for prompt in ("a", "zzz")
    ]
    apart = (drawn[0] - drawn[1]).abs().mean(dim=(0, 1, 2))  # by column
    assert apart[SIZE // 2 + 6 :].mean() > apart[: SIZE // 2 - 6].mean()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="prompts: got the text"):
        paint(None, "a face", generator=seeded())
    with pytest.raises(ValueError, match="mask: got 2, wanted 1"):
        paint(None, ["a"], generator=seeded(), mask=torch.zeros(2, 1, 8, 8, dtype=torch.bool))
    with pytest.raises(ValueError, match="task: got 'video'"):
        load_stable_diffusion(task="video")


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UnavailableError, match="no GPU"):
        load_stable_diffusion()


def test_without_weights_it_says_so(tmp_path):
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    with pytest.raises(UnavailableError, match="neither on this computer"):
        load_stable_diffusion(str(tmp_path / "nowhere"), device="cpu")


def test_without_diffusers_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(UnavailableError, match="pip install"):
        load_stable_diffusion(device="cpu")


@pytest.mark.parametrize("task", TASKS)
def test_a_saved_pipeline_loads(parts, task, tmp_path):
    pipeline(parts).save_pretrained(tmp_path)
    loaded = load_stable_diffusion(str(tmp_path), task=task, device="cpu")
    assert type(loaded).__name__ == TASKS[task]
