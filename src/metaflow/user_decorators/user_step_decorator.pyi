from metaflow.flow.mutators import StepMutator as StepMutator
from metaflow.flow.user_step_decorator import (
    USER_SKIP_STEP as USER_SKIP_STEP,
    UserStepDecorator as UserStepDecorator,
    user_step_decorator as user_step_decorator,
)
