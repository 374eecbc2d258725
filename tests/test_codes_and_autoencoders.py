"""In numbers: the conditional models, the latent-code model and the models with an encoder."""

import math
import warnings
from types import SimpleNamespace

import pytest
import torch
from closed_forms import of_points
from lightning.pytorch import Trainer, seed_everything
from sklearn.neighbors import KNeighborsClassifier
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

import zoo
from zoo.data.batches import Labelled
from zoo.data.image_spec import ImageSpec, PointSpec
from zoo.data.module import DataModule
from zoo.data.sources import open_source
from zoo.losses import kl_to_standard_normal
from zoo.metrics.agreement import label_agreement
from zoo.models import variant_class
from zoo.models.ae import GaussianOfCodes
from zoo.training.callbacks import Budget


def train(variant: str | type, images: int, source=None, **config):
    """A model trained on 8 px digits or another source, without a folder, and its data."""
    seed_everything(0, verbose=False)
    source = source or open_source("digits", image_size=8)
    cls = variant_class(variant) if isinstance(variant, str) else variant
    model, data = cls(cls.Config.from_dict(config), source.spec), DataModule(source, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Trainer(accelerator="cpu", max_epochs=-1, use_distributed_sampler=False, callbacks=[Budget(images)],
                logger=False, enable_checkpointing=False, enable_progress_bar=False,
                enable_model_summary=False).fit(model, data)
    return model, data


def batch_of(n: int, size: int = 8, classes: int = 10):
    random = torch.Generator().manual_seed(1)
    return Labelled(torch.rand(n, 1, size, size, generator=random) * 2 - 1,
                    torch.randint(classes, (n,), generator=random))


def replay(model) -> None:
    """Makes the model's next draws the same again."""
    model._draws.begin(7, 0)


# ---- acgan --------------------------------------------------------------------------------------------------------


def test_acgan_terms_are_those_of_the_paper():
    """D descends -(L_S + L_C) and G its own part, with probabilities written out (equations 2 and 3)."""
    model = zoo.create("acgan", image_size=8, classes=10, backbone="mlp", width=2)
    images, labels = batch = batch_of(16)
    rows = torch.arange(16)

    def log_probabilities(x):
        outputs = model.discriminator(x)
        assert outputs.shape == (16, 1 + 10)
        p_real = 1 / (1 + torch.exp(-outputs[:, 0]))
        p_class = outputs[:, 1:].exp() / outputs[:, 1:].exp().sum(1, keepdim=True)
        return p_real, p_class[rows, labels].log()

    replay(model)
    with model._draws.aside():
        fake = model.generator(model.latent(16), labels)
    (real_on_real, class_of_real), (real_on_fake, class_of_fake) = log_probabilities(images), log_probabilities(fake)
    source = real_on_real.log().mean() + (1 - real_on_fake).log().mean()  # L_S
    category = class_of_real.mean() + class_of_fake.mean()  # L_C

    replay(model)
    terms = model.discriminator_loss(batch)
    torch.testing.assert_close(sum(terms.values()), -(source + category))
    torch.testing.assert_close(terms["class_real"] + terms["class_fake"], -category)
    replay(model)
    terms = model.generator_loss(batch)
    torch.testing.assert_close(sum(terms.values()), -(real_on_fake.log().mean() + class_of_fake.mean()))


# ---- conditional models: the class that was asked for -------------------------------------------------------------


def judged(trained):
    """The arguments of label_agreement for a model and its data."""
    model, data = trained
    return model, data.columns.images, data.columns.labels, 500


@pytest.fixture(scope="module")
def cgan():
    return train("cgan", 30_000, backbone="mlp", width=8, learning_rate=1e-3)


def test_cgan_makes_the_asked_class(cgan):
    agreement = label_agreement(*judged(cgan))
    assert agreement.generated > 0.7  # chance is 0.1
    assert agreement.real > 0.95


@pytest.mark.parametrize(("variant", "images", "config"), [
    ("acgan", 12_000, {"backbone": "infogan", "width": 8, "learning_rate": 1e-3}),
    ("cvae", 20_000, {"backbone": "mlp", "width": 16}),
])
def test_a_classifier_agrees_with_the_asked_label(variant, images, config):
    assert label_agreement(*judged(train(variant, images, **config))).generated > 0.7


def test_cgan_label_changes_the_class_at_fixed_z(cgan):
    """Of two images of one z and two labels, a classifier sees two classes."""
    model, data = cgan
    classifier = KNeighborsClassifier(3).fit(data.columns.images.flatten(1).numpy(), data.columns.labels.numpy())
    normal = model.normals(20, seed=3).repeat_interleave(10, 0)  # 20 latents with each of ten labels
    images = model.render(normal, list(range(10)) * 20)
    seen = torch.from_numpy(classifier.predict((images * 255).round().flatten(1).numpy())).view(20, 10)
    differ = (seen[:, :, None] != seen[:, None, :]).float().sum((1, 2)) / 90
    assert differ.mean() > 0.8


@pytest.mark.parametrize("projection", [False, True])
def test_cgan_mismatched_share_is_that_of_reed(projection):
    """Algorithm 1 of Reed 2016: real images of another class are half of what D is to reject."""
    names = [f"{hair} hair, {eyes} eyes" for hair in ("blue", "pink", "red") for eyes in ("aqua", "red")]
    data = ImageSpec(name="faces", image_size=8, channels=1, class_names=names, images=100, provenance="")
    cls = variant_class("cgan")
    model = cls(cls.Config(backbone="mlp", width=2, mismatched=0.5, projection=projection), data)
    images, labels = batch = batch_of(600, classes=6)

    replay(model)
    terms = model.discriminator_loss(batch)
    replay(model)
    fakes, others = model.fake(batch), model.other_classes(labels)
    p_real, p_fake, p_other = (1 / (1 + torch.exp(-model.discriminator(x, y)))
                               for x, y in ((images, labels), (fakes, labels), (images, others)))
    expected = -(p_real.log().mean() + ((1 - p_fake).log().mean() + (1 - p_other).log().mean()) / 2)
    torch.testing.assert_close(sum(terms.values()), expected)

    hair, eyes = labels // 2, labels % 2
    same = torch.stack([others // 2 == hair, others % 2 == eyes])
    assert (same.sum(0) == 1).all()  # one part is kept, the other is not
    assert 0.25 < same[0].float().mean() < 0.42  # of three neighbours one has the same hair


def test_cgan_mismatched_asks_for_two_classes():
    with pytest.raises(zoo.UsageError, match="no two classes to mistake"):
        zoo.create("cgan", image_size=8, classes=1, backbone="mlp", mismatched=0.5)


def test_cvae_encoder_sees_the_label():
    model = zoo.create("cvae", image_size=8, classes=10, backbone="mlp", width=2).eval()
    images, labels = batch_of(4)
    images = model.data.to_unit(images)
    assert not torch.equal(model.encode(images, labels), model.encode(images, (labels + 1) % 10))


# ---- infogan ------------------------------------------------------------------------------------------------------


def infogan(**config):
    return zoo.create("infogan", **({"image_size": 8, "backbone": "mlp", "width": 2, "latent_dim": 3} | config))


def test_infogan_prior():
    """Continuous codes are uniform, categorical ones one-hot and as likely each, all independent of the noise."""
    model = infogan(categorical=2, categories=5)
    n = 20_000
    continuous, categorical, noise = model.codes(model.prior(torch.randn(n, model.latent_size)))
    assert (continuous.shape, categorical.shape, noise.shape) == ((n, 2), (n, 2, 5), (n, 3))
    assert torch.equal(categorical.sum(2), torch.ones(n, 2))
    torch.testing.assert_close(categorical.mean(0), torch.full((2, 5), 0.2), atol=5 * math.sqrt(0.16 / n), rtol=0)
    for uniform in (continuous, noise):
        quantiles = uniform.quantile(torch.tensor([0.1, 0.5, 0.9]), dim=0)
        expected = torch.tensor([-0.8, 0.0, 0.8])[:, None].expand_as(quantiles)
        torch.testing.assert_close(quantiles, expected, atol=0.03, rtol=0)


def test_infogan_traversal_moves_one_code(monkeypatch):
    """zoo.traverse, which moves normals, moves a continuous code from -1 to 1 and chooses a category."""
    points = PointSpec(name="points", channels=15)
    cls = variant_class("infogan")
    model = cls(cls.Config(backbone="mlp", width=2, latent_dim=3), points)
    monkeypatch.setattr(model, "generate", lambda z, labels: z[:, :, None, None])  # the latents themselves
    walks = zoo.traverse(model, 1, steps=9).flatten(2)  # (rows, steps, 2 + 10 + 3)
    others = [0, *range(2, 15)]
    assert torch.equal(walks[:, :, others], walks[:, :1, others].expand(-1, 9, -1))
    assert (walks[:, 1:, 1] > walks[:, :-1, 1]).all()
    torch.testing.assert_close(walks[:, [0, 4, 8], 1], torch.tensor([-0.9973, 0.0, 0.9973]).expand(8, -1), atol=1e-3,
                               rtol=0)
    chosen = zoo.traverse(model, 2 + 7, low=-9, high=9).flatten(2)[:, :, 2:12].argmax(2)  # category 7
    assert (chosen[:, -1] == 7).all()
    assert (chosen[:, 0] != 7).all()


def test_infogan_bound_equals_its_definition():
    """E[log Q(c|x)] + H(c), sample by sample, with densities written out."""
    model = infogan(categorical=2, categories=3, continuous=2)
    latent = model.prior(torch.randn(5, model.latent_size))
    q = torch.randn(5, 2 * 2 + 6)  # means, log deviations, logits
    categorical, continuous = model.bounds(q, latent)
    log_categories = log_densities = 0.0
    for row in range(5):
        for code in range(2):
            logits = q[row, 4 + 3 * code:][:3]
            category = latent[row, 2 + 3 * code:][:3].argmax()
            log_categories += math.log(logits[category].exp() / logits.exp().sum()) / 5
            mean, std = q[row, code].item(), q[row, 2 + code].exp().item()
            error = latent[row, code].item() - mean
            log_densities += math.log(math.exp(-error**2 / (2 * std**2)) / math.sqrt(2 * math.pi * std**2)) / 5
    assert categorical.item() == pytest.approx(log_categories + 2 * math.log(3), abs=1e-5)
    assert continuous.item() == pytest.approx(log_densities + 2 * math.log(2), abs=1e-4)


def test_infogan_bound_is_the_mutual_information_for_the_true_posterior_and_less_for_others():
    """On a channel that keeps the category with probability 0.7 and else draws it anew, where I(c; x) is known."""
    model, n, classes, keep = infogan(continuous=0), 40_000, 10, 0.7
    latent = model.prior(torch.randn(n, model.latent_size))
    category = latent[:, :classes].argmax(1)
    seen = torch.where(torch.rand(n) < keep, category, torch.randint(classes, (n,)))
    likelihood = keep * torch.eye(classes) + (1 - keep) / classes
    information = math.log(classes) + (likelihood[0] * likelihood[0].log()).sum().item()
    log_posterior = likelihood.log()[seen]  # a uniform prior drops out
    bound, _ = model.bounds(log_posterior, latent)
    assert bound.item() == pytest.approx(information, abs=0.03)
    for other in (0.5 * log_posterior, 2 * log_posterior, torch.zeros(n, classes)):
        assert model.bounds(other, latent)[0] < bound - 0.05


def test_infogan_gradients():
    """Of the bound: in D's step to Q and the trunk, in G's to G; and with the sign that raises it."""
    model = infogan()
    batch = batch_of(16)
    for loss, group in ((model.discriminator_loss, "discriminator"), (model.generator_loss, "generator")):
        parameters = model.optimizer_groups()[group]
        replay(model)
        before = sum(term for name, term in loss(batch).items() if "information" in name)
        gradients = torch.autograd.grad(before, parameters, allow_unused=True)
        unused = {id(p) for p, g in zip(parameters, gradients, strict=True) if g is None}
        heads = {id(p) for p in model.discriminator.head.parameters()}
        assert unused == (heads if group == "discriminator" else set())  # only D's own head has no part in the bound
    weights = model.config
    replay(model)
    terms = model.generator_loss(batch)
    total = -(terms["information"] / weights.information
              + terms["continuous_information"] / weights.continuous_information)
    torch.testing.assert_close(total, model.measured["generator/information"])


def test_infogan_recovers_the_categorical_code():
    """After a short run Q reads the code off fresh images. Chance is 0.1, and the bound is at most log 10."""
    model, _ = train("infogan", 12_000, width=4)
    latent = model.latent(500)
    q = model.discriminator.q(model.discriminator.trunk(model.generator(latent)))
    bound, _ = model.bounds(q, latent)
    assert model.measured["generator/code_accuracy"] > 0.9
    assert 1.5 < bound <= math.log(10)


# ---- auto-encoders ------------------------------------------------------------------------------------------------


def test_kl_equals_torch_and_monte_carlo():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    q, p = Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(3), torch.ones(3))
    kl = kl_to_standard_normal(mean, log_variance)
    torch.testing.assert_close(kl, kl_divergence(q, p).sum(1))
    z = q.sample((200_000,))
    torch.testing.assert_close(kl, (q.log_prob(z) - p.log_prob(z)).sum(2).mean(0), atol=0.05, rtol=0.01)
    assert torch.equal(kl_to_standard_normal(torch.zeros(1, 3), torch.zeros(1, 3)), torch.zeros(1))


def vae(**config):
    return zoo.create("vae", **({"image_size": 8, "backbone": "mlp", "width": 2, "encoder_norm": "none"} | config))


def test_vae_likelihoods_equal_torch():
    images, logits = batch_of(6)[0], torch.randn(6, 1, 8, 8)
    binary = images.sign()
    p = torch.sigmoid(logits)
    bernoulli = Bernoulli(p).log_prob((binary + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(vae().log_likelihood(binary, logits), bernoulli)
    gaussian = Normal(p, 0.3).log_prob((images + 1) / 2).flatten(1).sum(1)
    torch.testing.assert_close(vae(decoder="gaussian", sigma=0.3).log_likelihood(images, logits), gaussian)


@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian"])
def test_elbo_never_exceeds_the_importance_weighted_bound(decoder):
    """On fixed images, with one latent dimension so that log p(x) is an integral (Burda 2015, theorem 1).

    ELBO <= L_5 <= L_50 <= log p(x), and log p(x) - ELBO is the KL of q to the true posterior.
    """
    torch.manual_seed(0)
    model = vae(latent_dim=1, decoder=decoder, sigma=0.7).double()
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.mul_(1.5)  # images that depend on z
        model.encoder.head.bias.copy_(torch.tensor([0.7, -1.0]))  # and q neither the prior nor the posterior
    draws, prior = 20_000, Normal(torch.zeros((), dtype=torch.float64), 1.0)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    cell = 24 / 20_000
    for image in batch_of(3)[0].double():
        images = image[None].sign()

        def log_joint(z, images=images):
            logits = model.generator(z)
            return model.log_likelihood(images.expand(len(z), -1, -1, -1), logits) + prior.log_prob(z[:, 0])

        with torch.no_grad():
            replay(model)
            model.loss(Labelled(images.expand(draws, -1, -1, -1), torch.zeros(draws, dtype=torch.int64)))
            elbo = model.measured["autoencoder/elbo"].item()
            mean, log_variance = model.posterior(images, None)
            q = Normal(mean[0, 0], (0.5 * log_variance[0, 0]).exp())
            z = q.sample((draws * 5, 1))
            log_weights = log_joint(z) - q.log_prob(z[:, 0])
            bounds = [(log_weights.view(-1, k).logsumexp(1) - math.log(k)).mean().item() for k in (5, 50)]
            log_evidence = (log_joint(grid).logsumexp(0) + math.log(cell)).item()
            log_posterior = log_joint(grid) - log_evidence
            log_q = q.log_prob(grid[:, 0])
            gap = (log_q.exp() * (log_q - log_posterior)).sum().item() * cell
            variance = (log_q.exp() * (log_q - log_posterior - gap).square()).sum().item() * cell
        assert elbo < bounds[0] < bounds[1] < log_evidence + 0.01
        assert log_evidence - elbo == pytest.approx(gap, abs=4 * math.sqrt(variance / draws))
        assert gap > 0.1  # else the bounds would hold for a wrong formula too
        assert 4 * math.sqrt(variance / draws) < 0.1


def test_vae_beta_weighs_the_kl_alone():
    one, four = vae(), vae(beta=4.0)
    four.load_state_dict(one.state_dict())
    batch = batch_of(8)
    for model in (one, four):
        replay(model)
    first, second = one.loss(batch), four.loss(batch)
    torch.testing.assert_close(first["reconstruction"], second["reconstruction"])
    torch.testing.assert_close(4 * first["kl"], second["kl"])
    torch.testing.assert_close(one.measured["autoencoder/elbo"], four.measured["autoencoder/elbo"])


def test_vae_refuses_points_and_other_priors():
    with pytest.raises(zoo.UsageError, match="points"):
        of_points("vae", channels=2, backbone="mlp")
    with pytest.raises(zoo.UsageError, match="latent"):
        vae(latent="uniform")


def test_gaussian_of_codes_has_the_moments_of_all_codes():
    """After few batches exactly those of all codes together, and samples of it have them."""
    torch.manual_seed(0)
    gaussian = GaussianOfCodes(3)
    codes = torch.randn(20, 64, 3) @ torch.randn(3, 3) + torch.arange(20.0)[:, None, None] * torch.randn(3)
    for batch in codes:
        gaussian.follow(batch)
    everything = codes.flatten(0, 1)
    torch.testing.assert_close(gaussian.mean, everything.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(gaussian.covariance, torch.cov(everything.T, correction=0), atol=1e-3, rtol=1e-4)
    samples = gaussian(torch.randn(200_000, 3))
    torch.testing.assert_close(samples.mean(0), gaussian.mean, atol=0.5, rtol=0.02)
    torch.testing.assert_close(torch.cov(samples.T), gaussian.covariance, atol=1.0, rtol=0.05)


def test_gaussian_of_codes_may_be_singular():
    gaussian = GaussianOfCodes(4)
    gaussian.follow(torch.randn(8, 1) @ torch.ones(1, 4))  # all on a line
    samples = gaussian(torch.randn(100, 4))
    torch.testing.assert_close(samples, samples[:, :1].expand(-1, 4), atol=1e-2, rtol=0)


def test_ae_samples_from_its_codes(tmp_path):
    """Latents of a trained model have the moments of its codes, and a saved one draws the same."""
    model, data = train("ae", 40_000, backbone="mlp", width=8, latent_dim=4, ema_halflife=0)
    model.eval()
    images = data.columns.images.float() / 127.5 - 1
    with torch.no_grad():
        codes, latents = model.code(images), model.prior(torch.randn(50_000, 4))
        error = (model.recode(images) - images).square().mean() / (images - images.mean(0)).square().mean()
    apart = (codes.mean(0) - latents.mean(0)) / codes.std(0)
    assert apart.abs().max() < 0.2
    ratio = torch.linalg.solve(torch.cov(codes.T), torch.cov(latents.T))
    torch.testing.assert_close(ratio, torch.eye(4), atol=0.25, rtol=0)
    assert error < 0.6  # 1 is the mean image
    loaded = zoo.load(zoo.save(model, tmp_path))
    assert not loaded.ema
    normal = torch.randn(5, 4)
    assert torch.equal(loaded.prior(normal), model.prior(normal))
    assert torch.equal(loaded.sample(5, seed=0), model.sample(5, seed=0))


ENCODERS = ["ae", "vae", "cvae", "vaegan", "bigan", "alphagan"]


@pytest.mark.parametrize("variant", ENCODERS)
def test_encode_and_reconstruct(variant):
    model = zoo.create(variant, image_size=8, classes=10, backbone="mlp", width=2).eval()
    images, labels = batch_of(5)
    unit, asked = model.data.to_unit(images), labels if model.conditional else None
    codes, again = model.code(images, labels), model.recode(images, labels)
    assert codes.shape == (5, model.latent_size)
    assert again.shape == images.shape
    assert again.abs().max() <= 1
    torch.testing.assert_close(model.encode(unit, asked), codes)
    answered = model.reconstruct(unit, asked)
    assert 0 <= answered.min() <= answered.max() <= 1
    torch.testing.assert_close(answered, (again + 1) / 2)
    torch.testing.assert_close(model.decode(codes, asked), (again + 1) / 2)
    assert "encoder" in model.networks_for_sampling()


@pytest.mark.parametrize(("variant", "words"), [("ae", "a baseline and not a generative model"),
                                                ("cvae", ".sample(16, labels='0', seed=0)")])
def test_card_says(variant, words, finished):
    assert words in (finished(variant) / "README.md").read_text()


def test_no_encoder_is_an_error():
    with pytest.raises(zoo.UsageError, match="no encoder"):
        zoo.create("gan", image_size=8).reconstruct(batch_of(2)[0])


# ---- vaegan -------------------------------------------------------------------------------------------------------


def vaegan_terms(model, images, draw):
    """KL, reconstruction and the three log terms of L_GAN, from torch.distributions and probabilities."""
    mean, log_variance = model.encoder(images).chunk(2, 1)
    std = log_variance.exp().sqrt()
    again = model.generator(mean + std * draw(16, 4))
    features = model.discriminator.trunk(images)
    features_again = model.discriminator.trunk(again)
    kl = kl_divergence(Normal(mean, std), Normal(torch.zeros(4), torch.ones(4))).sum(1).mean()
    constant = 0.5 * math.log(2 * math.pi) * features.shape[1]
    reconstruction = -Normal(features, 1.0).log_prob(features_again).sum(1).mean() - constant
    return kl, reconstruction, torch.sigmoid(model.discriminator.head(features_again))


def test_vaegan_groups_get_the_gradient_of_their_own_loss_only():
    """Algorithm 1: one training step, and the gradients of three losses written out."""
    torch.manual_seed(0)
    # Without batch-norm's running moments and with a learning rate of 0 every step sees the same networks.
    model = zoo.create("vaegan", image_size=8, backbone="mlp", width=2, latent_dim=4, learning_rate=0.0, gamma=0.3,
                       discriminator_norm="none", encoder_norm="none")
    optimizers = [SimpleNamespace(optimizer=x, zero_grad=x.zero_grad, step=x.step)
                  for x in model.configure_optimizers()]
    model.configure_model()
    model.optimizers, model.manual_backward, model.images_seen = (lambda: optimizers), torch.Tensor.backward, 16
    images, _ = batch = batch_of(16)
    groups = model.optimizer_groups()

    steps, optimize = {}, model.optimize

    def watched(group, loss, *args):
        model.zero_grad()
        replay(model)
        optimize(group, loss, *args)
        steps[group] = {name: [p.grad for p in parameters] for name, parameters in groups.items()}

    model.optimize = watched
    model.training_step(batch, 0)

    def draw(*shape):
        return model.draw(torch.randn, *shape)

    replay(model)
    kl, reconstruction, _ = vaegan_terms(model, images, draw)
    losses = {"encoder": kl + reconstruction}
    replay(model)
    _, reconstruction, on_again = vaegan_terms(model, images, draw)
    with model._draws.aside():
        on_sample = torch.sigmoid(model.discriminator(model.generator(draw(16, 4))))
    losses["generator"] = 0.3 * reconstruction - on_again.log().mean() - on_sample.log().mean()
    on_real = torch.sigmoid(model.discriminator(images))
    losses["discriminator"] = -(on_real.log().mean() + (1 - on_again).log().mean() + (1 - on_sample).log().mean())

    assert set(steps) == set(groups) == set(losses)
    for group, gradients in steps.items():
        expected = torch.autograd.grad(losses[group], groups[group], retain_graph=True)
        for name in groups:
            if name == group:
                torch.testing.assert_close(gradients[name], list(expected), atol=1e-6, rtol=1e-4)
                assert any(g.abs().max() > 1e-4 for g in expected)
            else:
                assert all(g is None for g in gradients[name])


# ---- bigan and alphagan -------------------------------------------------------------------------------------------


def test_bigan_encoder_inverts_the_generator():
    """Distance of E(G(z)) to z over that to another z, where chance is 1, and the same for images."""
    model, data = train("bigan", 30_000, open_source("ring"), backbone="mlp", width=4, latent_dim=2, learning_rate=1e-3,
                        discriminator_norm="none", encoder_norm="none")
    model.eval()
    with torch.no_grad():
        z = model.prior(torch.randn(1000, 2))
        codes, points = model.code(model.generator(z)), data.columns.images[:1000]
        again = model.recode(points)

    def against_chance(a, b):
        a, b = a.flatten(1), b.flatten(1)
        return (a - b).norm(dim=1).mean() / (a - b.roll(1, 0)).norm(dim=1).mean()

    assert against_chance(codes, z) < 0.6
    assert against_chance(again, points) < 0.6


class SlantedGaussian:
    """Points of one correlated Gaussian, which a deterministic encoder can map to the prior."""

    spec = PointSpec(name="slanted", channels=2)

    def prepare(self) -> None:
        """Nothing to download."""

    def load(self):
        distribution = MultivariateNormal(torch.tensor([1.0, -1.0]), torch.tensor([[2.0, 1.5], [1.5, 2.0]]))
        return Labelled(distribution.sample((20_000,))[:, :, None, None], torch.zeros(20_000, dtype=torch.int64))


def tell_apart(codes: torch.Tensor) -> float:
    """Accuracy of a fresh classifier, 50 nearest neighbours, on codes against as many latents of a normal prior."""
    x = torch.cat([torch.randn(codes.shape), codes])
    from_prior = torch.arange(len(x)) < len(codes)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, from_prior = x[order].numpy(), from_prior[order].numpy()
    half = len(x) // 2
    return KNeighborsClassifier(50).fit(x[:half], from_prior[:half]).score(x[half:], from_prior[half:])


def test_alphagan_code_discriminator_ends_near_chance():
    """Neither it nor a fresh classifier can tell codes from the prior at the end, which is easy at the start."""
    config = {"backbone": "mlp", "width": 8, "latent_dim": 2, "code_width": 32, "encoder_norm": "none",
              "discriminator_norm": "none", "learning_rate": 1e-3, "reconstruction": 1.0}
    fresh = {}
    for images in (64, 30_000):
        model, data = train("alphagan", images, SlantedGaussian(), **config)
        with torch.no_grad():
            codes = model.code(data.columns.images[:4000])
            on_prior, on_codes = model.code_discriminator(torch.randn(4000, 2)), model.code_discriminator(codes)
        fresh[images] = tell_apart(codes)
    accuracy = ((on_prior > 0).float().mean() + (on_codes < 0).float().mean()).item() / 2
    assert accuracy == pytest.approx(0.5, abs=0.1)
    assert fresh[64] > 0.9
    assert fresh[30_000] < 0.65


def test_alphagan_terms_are_density_ratios():
    """The four losses with probabilities written out (algorithm 1)."""
    model = zoo.create("alphagan", image_size=8, backbone="mlp", width=2, latent_dim=4, code_width=8,
                       encoder_norm="none", discriminator_norm="none", reconstruction=3.0)
    images, _ = batch = batch_of(16)
    replay(model)
    z = model.latent(16)
    with model._draws.aside():
        sample = model.generator(model.latent(16))
    codes = model.encoder(images)
    again = model.generator(codes)
    d_real, d_again, d_sample = (torch.sigmoid(model.discriminator(x)) for x in (images, again, sample))
    c_prior, c_codes = (torch.sigmoid(model.code_discriminator(x)) for x in (z, codes))
    l1 = 3.0 * (images - again).abs().sum() / images.numel()
    expected = {
        model.encoder_loss: l1 + (-c_codes.log() + (1 - c_codes).log()).mean(),
        model.generator_loss: l1 + (-d_again.log() + (1 - d_again).log()).mean()
        + (-d_sample.log() + (1 - d_sample).log()).mean(),
        model.discriminator_loss: -(d_real.log() + (1 - d_again).log() + (1 - d_sample).log()).mean(),
        model.code_discriminator_loss: -(c_prior.log() + (1 - c_codes).log()).mean(),
    }
    for loss, value in expected.items():
        replay(model)
        torch.testing.assert_close(sum(loss(batch).values()), value)
