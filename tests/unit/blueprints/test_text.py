"""Templates as text: the same as ``to_dict()`` says, refused where that refuses."""

import json

import pytest
from awacs.aws import Allow, PolicyDocument, Statement
from hypothesis import given
from hypothesis import strategies as st
from troposphere import (
    Equals,
    If,
    NoValue,
    Output,
    Parameter,
    Ref,
    Tags,
    Template,
    autoscaling,
    iam,
    s3,
    sns,
    sqs,
    stepfunctions,
)

from blueprints import text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Refused(sqs.RedrivePolicy):
    """A property that finds itself wrong."""

    def validate(self):
        raise ValueError("refused")


def template(*resources) -> Template:
    t = Template()
    t.add_resource(list(resources))
    return t


def machine(**properties) -> stepfunctions.StateMachine:
    return stepfunctions.StateMachine("Machine", **properties)


@given(JSON)
def test_indented_json_says_what_was_meant(value):
    assert json.loads(text.indented(value)) == value


def test_what_is_short_stands_on_one_line():
    assert text.indented({"Ref": "Queue", "Long": ["x" * 50, "y" * 50]}) == (
        '{\n  "Ref": "Queue",\n  "Long": [\n    "' + "x" * 50 + '",\n    "' + "y" * 50 + '"\n  ]\n}'
    )


def test_every_section_and_every_kind_of_object_is_as_to_dict_has_it():
    t = template(
        sqs.Queue("Bare", DeletionPolicy="Retain", Metadata={"Why": "bare"}),
        sqs.Queue("Tagged", Tags=Tags(a="1", b=Ref("Bare")), DelaySeconds=If("Yes", 1, NoValue)),
        autoscaling.AutoScalingGroup(
            "Group", MinSize="0", MaxSize="1", Tags=autoscaling.Tags(a="1"), AvailabilityZones=["a"]
        ),
        s3.Bucket("Bucket", VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled")),
        sns.Topic("Loose").no_validation(),
        iam.ManagedPolicy("Policy", PolicyDocument=PolicyDocument(Statement=[Statement(Effect=Allow)])),
    )
    t.set_version()
    t.set_description("all")
    t.set_metadata({"Key": Ref("Bare")})
    t.add_parameter(Parameter("P", Type="String"))
    t.add_mapping("M", {"a": {"b": "c"}})
    t.add_condition("Yes", Equals(Ref("P"), "yes"))
    t.add_rule("R", {"Assertions": []})
    t.set_transform("AWS::LanguageExtensions")
    t.add_output(Output("O", Value=Ref("Bare")))

    assert text.whole(t) == text.indented(t.to_dict()) + "\n"


def test_a_template_without_anything_is_as_to_dict_has_it():
    assert text.whole(Template()) == '{"Resources": {}}\n'


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (machine(StateMachineName="x"), "RoleArn required in type AWS::StepFunctions::StateMachine"),
        (sqs.Queue("Queue", RedrivePolicy=Refused(maxReceiveCount=1)), "refused"),
        (sqs.Queue("Queue", QueueName="x", FifoQueue=True), "FIFO"),
        (sns.Topic("Topic", Subscription=[sns.Subscription(Protocol="sqs")]), "Endpoint required"),
        (iam.ManagedPolicy("Policy", PolicyDocument=PolicyDocument(Statement=[Statement()])), "Effect required"),
    ],
)
def test_what_troposphere_refuses_is_refused(wrong, message):
    for refuse in (text.whole, Template.to_dict):
        with pytest.raises(ValueError, match=message):
            refuse(template(wrong))


def test_what_is_not_to_be_validated_is_not():
    t = template(machine(StateMachineName="x").no_validation())

    assert text.whole(t) == text.indented(t.to_dict()) + "\n"


def test_what_no_template_can_hold_is_named():
    with pytest.raises(TypeError, match="set is nothing that a template can hold"):
        text.whole(template(sqs.Queue("Queue", Metadata={"A": {1}})))


def test_a_digest_changes_exactly_when_what_is_emitted_does():
    one, other = ({"Queue": sqs.Queue("Queue", DelaySeconds=If("Yes", n, NoValue)), "Ref": Ref("x")} for n in (1, 2))

    assert text.digest(one) == text.digest(dict(reversed(one.items()))) != text.digest(other)
    assert len(text.digest(one)) == 10
