import { ApiError, invalid } from '../api-error.ts';
import { defineAction } from '../call.ts';
import * as schemas from '../schemas.ts';

const RESOURCE = /^qcs::cvm:([a-z0-9-]+):uin\/\d*:instance\/(ins-[a-z0-9]{8})$/;

/** `tag:ModifyResourceTags`, for instances only. Unlike the tags of RunInstances, these are there at once. */
export const modifyResourceTags = defineAction(schemas.ModifyResourceTags, (call, request) => {
  const [, region, id = ''] = RESOURCE.exec(request.Resource) ?? [];
  if (region === undefined) {
    const form = 'qcs::cvm:REGION:uin/UIN:instance/ins-xxxxxxxx';
    throw invalid(
      'InvalidParameterValue.ResourceDescriptionError',
      'Resource',
      request.Resource,
      form,
      `格式应为${form}`,
    );
  }
  const instance = call.world.instances.get(id);
  if (!instance || instance.account !== call.account.name || instance.region !== region) {
    const code = 'InvalidParameterValue.ResourceIdInvalid';
    throw new ApiError(code, `The resource \`${id}\` does not exist.`, `资源\`${id}\`不存在。`);
  }
  const { ReplaceTags: replace = [], DeleteTags: remove = [] } = request;
  if (replace.length + remove.length === 0) {
    throw new ApiError(
      'MissingParameter',
      'At least one of `ReplaceTags` and `DeleteTags` must be given.',
      '`ReplaceTags`与`DeleteTags`至少需要指定一个。',
    );
  }
  const both = replace.find((tag) => remove.some((other) => other.TagKey === tag.TagKey));
  if (both) {
    const code = 'InvalidParameterValue.DeleteTagsParamError';
    throw invalid(code, 'DeleteTags', both.TagKey, 'it is in ReplaceTags too', '与ReplaceTags重复');
  }
  const changed = [...replace, ...remove].map((tag) => tag.TagKey);
  instance.tags = [
    ...instance.tags.filter((tag) => !changed.includes(tag.Key)),
    ...replace.map((tag) => ({ Key: tag.TagKey, Value: tag.TagValue })),
  ];
  instance.tagsAt = Math.min(instance.tagsAt, call.world.clock.now());
  call.touched.add(id);
  return {};
});
