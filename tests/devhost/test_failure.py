"""What an orchestrator catches when an activity has failed: the texts of real-host.md, section 5 and `corners.json`."""

from pathlib import Path

import pytest

from local.devhost.testing import running_app
from tests.devhost.app_folder import write_app

SOURCE = """
    app = df.DFApp()

    @app.activity_trigger(input_name="value")
    def switched_off(value):
        return value

    @app.activity_trigger(input_name="value")
    def fails(value):
        raise ValueError(value)

    @app.orchestration_trigger(context_name="context")
    def caught(context):
        try:
            yield context.call_activity(*context.get_input())
        except Exception as error:
            return str(error)
    """
DISABLED = (
    "Activity function 'switched_off' failed: Activity function 'switched_off' is disabled. \n "
    '{"$type":"Microsoft.Azure.WebJobs.Extensions.DurableTask.FunctionFailedException, '
    'Microsoft.Azure.WebJobs.Extensions.DurableTask",'
    '"ClassName":"Microsoft.Azure.WebJobs.Extensions.DurableTask.FunctionFailedException",'
    '"Message":"Activity function \'switched_off\' is disabled.","Data":null,"InnerException":null,"HelpURL":null,'
    '"StackTraceString":null,"RemoteStackTraceString":null,"RemoteStackIndex":0,"ExceptionMethod":null,'
    '"HResult":-2146233088,"Source":null,"WatsonBuckets":null}'
)


def test_a_disabled_activity_fails_and_the_orchestrator_can_catch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AzureWebJobs.switched_off.Disabled", "true")
    with running_app(write_app(tmp_path, SOURCE), state_file=tmp_path / "s.db") as app:
        assert app.result(app.start("caught", ["switched_off", 1])) == DISABLED


def test_a_failed_activity_is_a_compact_net_exception_around_the_text(tmp_path: Path) -> None:
    with running_app(write_app(tmp_path, SOURCE), state_file=tmp_path / "s.db") as app:
        text = app.result(app.start("caught", ["fails", 'é "q"']))
    assert text.startswith(
        "Activity function 'fails' failed: ValueError: é \"q\" \n "
        '{"$type":"System.Exception, System.Private.CoreLib","ClassName":"System.Exception",'
        '"Message":"ValueError: é \\"q\\"","Data":null,"InnerException":{"$type":'
        '"Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script",'
        '"IsUserException":false,"RemoteStackTrace":"'
    )
    assert 'Result: Failure\\nException: ValueError: é \\"q\\"\\nStack: Traceback' in text
