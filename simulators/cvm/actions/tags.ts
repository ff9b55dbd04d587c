import { ApiError, invalid } from '../api-error.ts';
import { type Call, defineAction } from '../call.ts';
import type { InstanceRecord } from '../model.ts';
import { between } from '../random.ts';
import * as schemas from '../schemas.ts';
import type { World } from '../world.ts';

interface TagPair {
  readonly TagKey: string;
  readonly TagValue: string;
}

const RESOURCE = /^qcs::cvm:([a-z0-9-]+):uin\/\d*:instance\/(ins-[a-z0-9]{8})$/;
/** Of TagResources, in one call: the documents number both lists from 0 to 9. */
const MAX_RESOURCES = 10;
const MAX_TAGS = 10;
const MAX_KEY_CHARS = 127;
const MAX_VALUE_CHARS = 255;

/** The instance that a six-part name means; `undefined`: there is none. @throws {ApiError} when it is no such name */
function instanceNamed(call: Call, resource: string, field: string): InstanceRecord | undefined {
  const [, region, id = ''] = RESOURCE.exec(resource) ?? [];
  if (region === undefined) {
    const form = 'qcs::cvm:REGION:uin/UIN:instance/ins-xxxxxxxx';
    throw invalid('InvalidParameterValue.ResourceDescriptionError', field, resource, form, `格式应为${form}`);
  }
  const instance = call.world.instances.get(id);
  return instance?.account === call.account.name && instance.region === region ? instance : undefined;
}

/** `tag:ModifyResourceTags`, for instances only. Unlike the tags of RunInstances, these are there at once. */
export const modifyResourceTags = defineAction(schemas.ModifyResourceTags, (call, request) => {
  const instance = instanceNamed(call, request.Resource, 'Resource');
  if (!instance) throw notThere(request.Resource);
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
  call.touched.add(instance.id);
  return {};
});

const UNKNOWN = 'InvalidParameterValue.ResourceIdInvalid';

function notThere(resource: string): ApiError {
  const id = resource.split('/').at(-1) ?? '';
  return new ApiError(UNKNOWN, `The resource \`${id}\` does not exist.`, `资源\`${id}\`不存在。`);
}

/**
 * `tag:TagResources`, for instances only: sets tags, and leaves an instance's other ones as they are. They show as late as
 * those of RunInstances. Of several resources the unknown ones are listed, and the others get their tags.
 */
export const tagResources = defineAction(schemas.TagResources, (call, { ResourceList: resources, Tags: tags }) => {
  if (resources.length > MAX_RESOURCES) throw tooMany('ResourceNumPerRequest', 'ResourceList', MAX_RESOURCES);
  if (tags.length > MAX_TAGS) throw tooMany('TagNumPerRequest', 'Tags', MAX_TAGS);
  checkTags(tags);
  const named = resources.map((resource) => ({ resource, instance: instanceNamed(call, resource, 'ResourceList') }));
  for (const { instance } of named) {
    if (!instance) continue;
    call.touched.add(instance.id);
    retag(call.world, instance, tags);
  }
  const failed = named.filter(({ instance }) => !instance);
  return {
    FailedResources: failed.map(({ resource }) => {
      return { Resource: resource, Code: UNKNOWN, Message: notThere(resource).texts[call.language] };
    }),
  };
});

/** Shows `tags` after a while, and never before others that were set earlier. */
function retag(world: World, instance: InstanceRecord, tags: readonly TagPair[]): void {
  const now = world.clock.now();
  const at = Math.max(instance.tagsAt, instance.retaggedAt ?? 0, now + between(world.random, world.timing.tags));
  instance.retaggedAt = at;
  const apply = (): void => {
    const changed = new Set(tags.map((tag) => tag.TagKey));
    instance.tags = [
      ...instance.tags.filter((tag) => !changed.has(tag.Key)),
      ...tags.map((tag) => ({ Key: tag.TagKey, Value: tag.TagValue })),
    ];
  };
  if (at <= now) apply();
  else world.after(at - now, apply);
}

function tooMany(code: string, field: string, most: number): ApiError {
  return new ApiError(
    `LimitExceeded.${code}`,
    `At most ${most} elements of \`${field}\` are allowed in one request.`,
    `单次请求的\`${field}\`最多${most}个。`,
  );
}

function checkTags(tags: readonly TagPair[]): void {
  const seen = new Set<string>();
  const refuse = (code: string, key: string, why: string, chinese: string): never => {
    throw invalid(code, 'Tags.TagKey', key, why, chinese);
  };
  for (const { TagKey: key, TagValue: value } of tags) {
    if (key === '') refuse('InvalidParameterValue.TagKeyEmpty', key, 'it must not be empty', '不能为空');
    if (key.length > MAX_KEY_CHARS) {
      refuse('InvalidParameterValue.TagKeyLengthExceeded', key, `at most ${MAX_KEY_CHARS} characters`, '过长');
    }
    if (value.length > MAX_VALUE_CHARS) {
      refuse('InvalidParameterValue.TagValueLengthExceeded', key, `a value has at most ${MAX_VALUE_CHARS}`, '值过长');
    }
    if (/^(qcs:|qcloud|tencent|project)/i.test(key)) {
      refuse('InvalidParameter.ReservedTagKey', key, 'it is reserved', '为系统保留');
    }
    if (seen.has(key)) refuse('InvalidParameterValue.TagKeyDuplicate', key, 'it is given twice', '重复');
    seen.add(key);
  }
}
