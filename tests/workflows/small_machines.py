"""Small machines for the tests of what our state machines rely on, and the mocked answers of their tasks."""

LAMBDA = "arn:aws:states:::lambda:invoke"
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
INVOKE = {"Type": "Task", "Resource": LAMBDA, "Parameters": {"FunctionName": "f", "Payload.$": "$"}}

MOCKS = {
    "StateMachines": {
        "conformance": {
            "TestCases": {
                "Answers": {"Work": "Answer"},
                "FailsTwice": {"Work": "FailsTwice"},
                "FailsAlways": {"Work": "FailsAlways"},
                "TwoErrors": {"Work": "TwoErrors"},
                "TimesOut": {"Work": "TimesOut"},
                "FailsForSecond": {"Work": "FailsOnce"},
                "Token": {"Ask": "Answer", "Work": "Answer"},
                "Big": {"Work": "Big"},
            }
        }
    },
    "MockedResponses": {
        "Answer": {"0-9": {"Return": {"StatusCode": 200, "Payload": {"n": 7}}}},
        "FailsTwice": {
            "0-1": {"Throw": {"Error": "SnapshotBusy", "Cause": "try later"}},
            "2": {"Return": {"StatusCode": 200, "Payload": {"n": 3}}},
        },
        "FailsOnce": {
            "0": {"Throw": {"Error": "SnapshotRefused", "Cause": "no"}},
            "1-9": {"Return": {"StatusCode": 200, "Payload": {"n": 1}}},
        },
        "FailsAlways": {"0-9": {"Throw": {"Error": "SnapshotRefused", "Cause": "the key is wrong"}}},
        "TwoErrors": {
            "0-1": {"Throw": {"Error": "SnapshotBusy", "Cause": "1"}},
            "2-3": {"Throw": {"Error": "QuotaReached", "Cause": "2"}},
            "4": {"Return": {"StatusCode": 200, "Payload": {"n": 5}}},
        },
        "TimesOut": {"0-9": {"Throw": {"Error": "States.Timeout", "Cause": ""}}},
        "Big": {"0": {"Return": {"StatusCode": 200, "Payload": "x" * 300_000}}},
    },
}


def only(state, **others):
    """A machine of one state that ends, and of the others it may go to."""
    return {"StartAt": "Work", "States": {"Work": {**state, "End": True}, **others}}


def passing(**fields):
    return {"Type": "Pass", "End": True, **fields}
